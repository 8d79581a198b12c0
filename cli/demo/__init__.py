"""Everything once, with a stand-in STARFACE and a broker of its own."""
