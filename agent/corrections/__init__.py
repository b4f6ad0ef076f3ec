"""Corrective calls: begun, asked for, held back, called, verified and taken back."""
