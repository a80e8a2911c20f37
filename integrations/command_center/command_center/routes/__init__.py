"""The routes, a module for each area."""
from fastapi import Query

# Parameters that many routes have.
SOURCE = Query(None, description="the delivery source; needed where more than one is registered")
TENANT = Query(None, description="only deliveries of this tenant")
# As far back as the database looks: a year.
HOURS = Query(24, ge=1, le=8760, description="the window back from now")

LARGEST_ID = 2**63 - 1
