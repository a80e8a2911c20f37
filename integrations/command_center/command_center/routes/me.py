"""Who am I?"""
from fastapi import APIRouter, Depends, Response

from ..models.operations import Me, Permissions
from ..problems import NO_STORE
from ..session import Session, viewer

router = APIRouter(tags=["me"])


@router.get("/me", summary="Who asks, and what they may do", response_model=Me)
async def me(response: Response, session: Session = Depends(viewer)) -> Me:
    """The person of the request, their known roles, and which parts of the API these open. Role: viewer."""
    response.headers.update(NO_STORE)
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
