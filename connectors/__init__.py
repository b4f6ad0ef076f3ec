"""Touches the outside: a connector only fetches or sends. It decides nothing, keeps no state, retries nothing."""
