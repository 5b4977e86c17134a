"""Run folders to tables, figures and reports."""
