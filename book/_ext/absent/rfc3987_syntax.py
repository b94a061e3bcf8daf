"""Stands before a package that jsonschema would load if it could, to check addresses, which takes two seconds."""

raise ImportError("nothing here checks addresses")
