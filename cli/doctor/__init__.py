"""`starface2mqtt doctor`: what is wrong with a site, in order, each with its fix."""
