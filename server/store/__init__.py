"""What the server remembers: jobs, their ends and their claims, in one SQLite file."""
