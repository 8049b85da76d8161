"""The Grafana dashboards of Emberkeep, as code."""
