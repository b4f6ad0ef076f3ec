"""Who is told what of which alert: groups, silences, and the words of notices."""
