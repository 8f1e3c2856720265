"""The sandbox: a real local fleet (MLflow, Triton, HAProxy, traffic, late labels) on loopback. Public face: `fleet`."""
