"""How a socket is opened: through which proxy, to which addresses, trusting whom, and for how long."""
