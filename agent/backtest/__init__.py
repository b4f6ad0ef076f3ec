"""What a configuration would have done with the past: the real decisions over stored readings, without sending."""
