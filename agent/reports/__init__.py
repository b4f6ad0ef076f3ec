"""Reports: how targets stand and what happened since the last one, on a schedule or when somebody asks."""
