"""Tests that users write for their targets: files in the form of `promtool test rules`, played in virtual time.

Source of the form: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
"""
