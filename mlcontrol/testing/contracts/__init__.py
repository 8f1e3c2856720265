"""What every adapter must keep, as test classes to inherit: provide the fixtures that a class names, against a real server."""
