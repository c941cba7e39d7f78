"""Creates, reads, updates, lists and deletes by the client that openapi-python-client makes."""

import sys

from studio_client import AuthenticatedClient
from studio_client.api.projects import (
    projects_create,
    projects_delete,
    projects_list,
    projects_read,
    projects_update,
)
from studio_client.models import (
    ApiError404,
    ApiError412,
    ProjectCreate,
    ProjectMany,
    ProjectOne,
    ProjectPatch,
    ProjectsReadFieldsItem,
)

url, token = sys.argv[1:]
with AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True) as client:
    created = projects_create.sync(client=client, body=ProjectCreate(code="PYT", name="Snakes"))
    assert isinstance(created, ProjectOne), created
    id = str(created.data.id)
    read = projects_read.sync(id, client=client, fields=[ProjectsReadFieldsItem.NAME])
    assert isinstance(read, ProjectOne), read
    assert read.data.name == "Snakes"
    changed = projects_update.sync(id, client=client, body=ProjectPatch(name="Adders"))
    assert isinstance(changed, ProjectOne), changed
    assert changed.data.name == "Adders"
    stale = projects_update.sync(id, client=client, body=ProjectPatch(name="Late"), if_match='"1.x"')
    assert isinstance(stale, ApiError412), stale
    # This generator writes a list as a repeated parameter, whatever the document says.
    listed = projects_list.sync(client=client, codein=["XXX", "PYT"])
    assert isinstance(listed, ProjectMany), listed
    assert [str(row.id) for row in listed.data] == ["PYT"]
    gone = projects_delete.sync_detailed(id, client=client)
    assert gone.status_code == 204, gone
    missing = projects_read.sync(id, client=client)
    assert isinstance(missing, ApiError404), missing
    assert missing.error.code == "RESOURCE_NOT_FOUND"
print("done")
