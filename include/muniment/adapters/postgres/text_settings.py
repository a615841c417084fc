"""How PostgreSQL spells values for whoever keeps or compares them as text."""

# As pg_dump does, and more: a text must not depend on the settings of a role, a database or a host, and go back in
# unchanged. With row_security off a policy that would hide rows is an error and not a shorter answer.
TEXT_SETTINGS = """
    SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 3;
    SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL xmloption = 'content';
    SET LOCAL lc_monetary = 'C'; SET LOCAL client_encoding = 'UTF8'; SET LOCAL row_security = off
"""
