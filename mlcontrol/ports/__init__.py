"""What services ask of the outside: Protocols, capabilities and errors. Adapters satisfy them."""
