"""What the panel remembers: audit chain, timeline, reviews, knowledge, history, settings. The only room with SQL and files."""
