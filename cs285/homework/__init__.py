"""The project as a homework: its blanks, the checks of what students write in them, and editions."""
