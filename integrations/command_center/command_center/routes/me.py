"""Who am I?"""
from fastapi import APIRouter, Depends

from ..models.operations import Me, Permissions
from ..session import Session, viewer

router = APIRouter(tags=["me"])


@router.get("/me", summary="Who asks, and what they may do", response_model=Me)
async def me(session: Session = Depends(viewer)) -> Me:
    """The person of the request, their known roles, and which parts of the API these open. Role: viewer."""
    principal = session.principal
    is_operator, is_admin = principal.has("operator"), principal.has("admin")
    return Me(
        user_id=principal.user_id,
        roles=list(principal.roles),
        role=principal.role,
        permissions=Permissions(
            deliveries=True, incidents=is_operator, replay=is_operator, insights=is_admin, audit=is_admin
        ),
    )
