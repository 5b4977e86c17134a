"""Policies: trained here, loaded from files, or a user's own objects."""
