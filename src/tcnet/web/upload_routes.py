"""Uploads by the tus protocol 1.0 (https://tus.io/protocols/resumable-upload).

With creation, termination and expiration. Implemented here because the requests are few and matter for
safety: who may write how much, and where.
"""

import base64
import binascii
from email.utils import formatdate
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.requests import ClientDisconnect

from tcnet.web.answers import ERRORS
from tcnet.web.refusal import Refusal
from tcnet.web.service import Service
from tcnet.web.uploads import Upload

TUS_VERSION = "1.0.0"
EXTENSIONS = "creation,termination,expiration"
_BYTES_TYPE = "application/offset+octet-stream"
_MOST_METADATA = 4096
_DAY = 24 * 3600

Version = Annotated[str | None, Header(alias="Tus-Resumable", description="1.0.0")]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {_BYTES_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def upload_routes(service: Service) -> APIRouter:
    """The routes under /api/uploads."""
    router = APIRouter(prefix="/api/uploads", tags=["uploads"], responses=ERRORS)
    limits, keep_days = service.settings.limits, service.settings.keep_days

    def headers(upload: Upload | None = None, **more: str) -> dict[str, str]:
        found = {"Tus-Resumable": TUS_VERSION, **more}
        if upload is not None and keep_days:
            found["Upload-Expires"] = formatdate(upload.touched + keep_days * _DAY, usegmt=True)
        return found

    @router.options("", status_code=204)
    def options() -> Response:
        """What this server can do."""
        about = {
            "Tus-Version": TUS_VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(limits.upload_bytes),
        }
        return Response(status_code=204, headers=headers() | about)

    @router.post("", status_code=201)
    def create(
        request: Request,
        upload_length: Annotated[int, Header(alias="Upload-Length", ge=0, description="bytes of the file")],
        upload_metadata: Annotated[
            str, Header(alias="Upload-Metadata", description="filename, a blank, and the name in Base64")
        ] = "",
        tus_resumable: Version = None,
    ) -> Response:
        """Start an upload. The header Location has its address, whose last part is the upload's id."""
        _check_version(tus_resumable)
        upload = service.create_upload(_file_name(upload_metadata), upload_metadata, upload_length)
        location = request.url_for("offset", upload_id=upload.id).path
        return Response(status_code=201, headers=headers(upload) | {"Location": location})

    @router.head("/{upload_id}", name="offset")
    async def offset(upload_id: str, tus_resumable: Version = None) -> Response:
        """The number of bytes received: where to continue."""
        _check_version(tus_resumable)
        upload = service.uploads.find(upload_id)
        there = await service.uploads.settled_offset(upload)
        found = headers(upload) | {"Upload-Offset": str(there), "Upload-Length": str(upload.length)}
        if upload.metadata:
            found["Upload-Metadata"] = upload.metadata
        return Response(headers=found | {"Cache-Control": "no-store"})

    @router.patch("/{upload_id}", status_code=204, openapi_extra=_BODY)
    async def append(
        request: Request,
        upload_id: str,
        upload_offset: Annotated[
            int, Header(alias="Upload-Offset", ge=0, description="bytes that are there")
        ],
        tus_resumable: Version = None,
    ) -> Response:
        """Send more of the file, or all; what arrives before a connection breaks is kept."""
        _check_version(tus_resumable)
        if request.headers.get("content-type") != _BYTES_TYPE:
            raise Refusal(415, f"send the bytes as {_BYTES_TYPE}")
        upload = service.uploads.find(upload_id)
        try:
            there = await service.uploads.write(upload, upload_offset, request.stream())
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        upload = service.uploads.find(upload_id)
        return Response(status_code=204, headers=headers(upload) | {"Upload-Offset": str(there)})

    @router.delete("/{upload_id}", status_code=204)
    def terminate(upload_id: str, tus_resumable: Version = None) -> Response:
        """Abandon an upload; its data is removed."""
        _check_version(tus_resumable)
        service.uploads.remove(service.uploads.find(upload_id))
        return Response(status_code=204, headers=headers())

    return router


def _check_version(version: str | None) -> None:
    if version != TUS_VERSION:
        raise Refusal(
            412, f"the header Tus-Resumable must be {TUS_VERSION}", headers={"Tus-Version": TUS_VERSION}
        )


def _file_name(metadata: str) -> str:
    """The file name in the metadata, pairs of key and Base64. Raises Refusal for invalid ones."""
    if len(metadata) > _MOST_METADATA:
        raise Refusal(413, f"Upload-Metadata has {len(metadata)} characters; {_MOST_METADATA} are enough")
    name = ""
    for pair in metadata.split(","):
        key, _, value = pair.strip().partition(" ")
        if key != "filename":
            continue
        try:
            name = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            raise Refusal(400, "the file name in Upload-Metadata is not Base64") from error
    return name
