"""The process a person sees in a browser, and the HTTP door of applications that dial."""
