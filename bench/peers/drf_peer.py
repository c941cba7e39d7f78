"""Django REST Framework, written as its documentation teaches, on gunicorn's threads with kept database connections.

It verifies no token and writes no log entry: what those cost counts against Headwater.
"""

import datetime as dt
import os
import secrets
import unicodedata
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings

URL = urlsplit(os.environ["BENCH_DATABASE_URL"])
POSTGRES = URL.scheme == "postgresql"
DATABASE: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": URL.path[1:]}
if POSTGRES:
    DATABASE = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": URL.path[1:],
        "USER": URL.username,
        "PASSWORD": URL.password,
        "HOST": URL.hostname,
        "PORT": URL.port,
    }
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_hex(),
    DATABASES={"default": DATABASE | {"CONN_MAX_AGE": None}},
    USE_TZ=True,
    TIME_ZONE="UTC",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=["rest_framework"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    },
)
django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402
from rest_framework.pagination import CursorPagination  # noqa: E402
from rest_framework.response import Response  # noqa: E402

NESTED = 10


class Scaled(models.BigIntegerField):
    """A decimal kept as a whole number of its smallest parts."""

    def __init__(self, places: int = 2, **options: Any) -> None:
        super().__init__(**options)
        self.places = places

    def from_db_value(self, value: Any, *_: Any) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-self.places)

    def get_prep_value(self, value: Any) -> int | None:
        return None if value is None else int(Decimal(value).scaleb(self.places))


class Moment(models.DateTimeField):
    """A moment; in SQLite a text of fixed form."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = self.get_prep_value(value)
        return value if POSTGRES or value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Stamped(models.Model):
    created_at = Moment()
    updated_at = Moment()
    version = models.BigIntegerField(default=1)

    class Meta:
        abstract = True
        app_label = "bench"


class Person(Stamped):
    id = models.TextField(primary_key=True)
    name = models.TextField()
    login = models.TextField()
    title = models.TextField(null=True)
    bio = models.TextField(null=True)
    skills = models.JSONField()
    time_zone = models.TextField()
    email = models.TextField(null=True)
    phone = models.TextField(null=True)
    location = models.TextField(null=True)
    birthday = models.DateField(null=True)
    website = models.TextField(null=True)
    public = models.JSONField()
    preferences = models.JSONField()

    class Meta(Stamped.Meta):
        abstract = False
        managed = False
        db_table = "people"


class Project(Stamped):
    id = models.TextField(primary_key=True)
    name = models.TextField()
    status = models.TextField()
    start = models.DateField(null=True)
    deadline = models.DateField(null=True)
    frame_rate = Scaled(3)
    resolution = models.JSONField()
    colour_space = models.TextField()
    drive_mapping = models.JSONField(null=True)
    client = models.TextField(null=True)
    description = models.TextField(null=True)

    class Meta(Stamped.Meta):
        abstract = False
        managed = False
        db_table = "projects"


class Task(Stamped):
    id = models.TextField(primary_key=True)
    project = models.ForeignKey(Project, models.DO_NOTHING, related_name="tasks")
    shot_id = models.TextField(null=True)
    asset_id = models.TextField(null=True)
    type_id = models.TextField(null=True)
    title = models.TextField()
    title_folded = models.TextField()
    description = models.TextField(null=True)
    department = models.TextField()
    artist = models.ForeignKey(Person, models.DO_NOTHING, null=True)
    reviewer_id = models.TextField(null=True)
    status = models.TextField(default="not_started")
    priority = models.BigIntegerField(default=5)
    bid = Scaled(default=Decimal(0))
    estimate = Scaled(null=True)
    start = models.DateField(null=True)
    deadline = Moment(null=True)
    review_note = models.TextField(null=True)
    started_at = Moment(null=True)
    approved_at = Moment(null=True)
    completed_at = Moment(null=True)

    class Meta(Stamped.Meta):
        abstract = False
        managed = False
        db_table = "tasks"

    @property
    def is_late(self) -> bool:
        if self.deadline is None or self.status in ("approved", "completed"):
            return False
        return bool(self.deadline < dt.datetime.now(dt.UTC))


class TimeLog(models.Model):
    id = models.TextField(primary_key=True)
    task = models.ForeignKey(Task, models.DO_NOTHING, related_name="time_logs")
    hours = Scaled()

    class Meta:
        managed = False
        app_label = "bench"
        db_table = "time_logs"


def logged() -> models.QuerySet[Task]:
    """Tasks with the hours that were logged on them, by a query within: a join would group all columns."""
    hours = TimeLog.objects.filter(task=models.OuterRef("pk")).order_by().values("task")
    total = hours.annotate(total=models.Sum(models.F("hours"), output_field=models.BigIntegerField()))
    return Task.objects.annotate(spent=models.Subquery(total.values("total")))


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


class CamelSerializer(serializers.ModelSerializer[Any]):
    """With the wire's names, and decimals as texts."""

    serializer_field_mapping: ClassVar = {
        **serializers.ModelSerializer.serializer_field_mapping,
        Scaled: serializers.DecimalField,
    }

    def to_representation(self, row: Any) -> dict[str, Any]:
        return {camel(name): value for name, value in super().to_representation(row).items()}


def decimal(places: int, **options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=None, decimal_places=places, **options)


STAMPS = ["created_at", "updated_at", "version"]


class PersonSerializer(CamelSerializer):
    class Meta:
        model = Person
        fields: ClassVar = [
            "id", "name", "login", "title", "bio", "skills", "time_zone", "email", "phone", "location", "birthday",
            "website", "public", "preferences", *STAMPS,
        ]  # fmt: skip


class TaskSerializer(CamelSerializer):
    project_id = serializers.CharField()
    artist_id = serializers.CharField(required=False, allow_null=True)
    bid = decimal(2, required=False)
    estimate = decimal(2, required=False, allow_null=True)
    spent = serializers.SerializerMethodField()
    is_late = serializers.BooleanField(read_only=True)

    class Meta:
        model = Task
        fields: ClassVar = [
            "id", "project_id", "shot_id", "asset_id", "type_id", "title", "description", "department", "artist_id",
            "reviewer_id", "status", "priority", "bid", "estimate", "start", "deadline", "review_note", "started_at",
            "approved_at", "completed_at", "spent", "is_late", *STAMPS,
        ]  # fmt: skip
        read_only_fields: ClassVar = ["id", *STAMPS]

    def get_spent(self, task: Any) -> str:
        return str(Decimal(getattr(task, "spent", None) or 0).scaleb(-2))

    def to_internal_value(self, data: Any) -> Any:
        snake = {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): v for name, v in data.items()}
        return super().to_internal_value(snake)

    def create(self, values: dict[str, Any]) -> Task:
        now = dt.datetime.now(dt.UTC)
        folded = unicodedata.normalize("NFKC", values["title"]).casefold()
        key = "task_" + secrets.token_hex(13)
        return Task.objects.create(id=key, title_folded=folded, created_at=now, updated_at=now, **values)

    def update(self, task: Task, values: dict[str, Any]) -> Task:
        values |= {"version": task.version + 1, "updated_at": dt.datetime.now(dt.UTC)}
        for name, value in values.items():
            setattr(task, name, value)
        task.save(update_fields=list(values))
        return task


class TaskWithArtistSerializer(TaskSerializer):
    artist = PersonSerializer()

    class Meta(TaskSerializer.Meta):
        fields: ClassVar = [*TaskSerializer.Meta.fields, "artist"]


class ProjectSerializer(CamelSerializer):
    code = serializers.CharField(source="id")
    frame_rate = decimal(3)
    task_count = serializers.IntegerField()
    tasks = serializers.SerializerMethodField()

    class Meta:
        model = Project
        fields: ClassVar = [
            "id", "code", "name", "status", "start", "deadline", "frame_rate", "resolution", "colour_space",
            "drive_mapping", "client", "description", "task_count", *STAMPS, "tasks",
        ]  # fmt: skip

    def get_tasks(self, project: Project) -> Any:
        newest = logged().filter(project=project).select_related("artist").order_by("-created_at", "-id")
        return TaskWithArtistSerializer(newest[:NESTED], many=True).data


def meta() -> dict[str, Any]:
    return {"requestId": "req_" + secrets.token_hex(12)}


class Pages(CursorPagination):
    page_size_query_param = "limit"

    def get_paginated_response(self, data: Any) -> Response:
        link = self.get_next_link()
        cursor = parse_qs(urlsplit(link).query)["cursor"][0] if link else None
        page = {"limit": len(data), "nextCursor": cursor, "hasMore": link is not None}
        return Response({"data": data, "meta": {**meta(), "pagination": page}})


class NewestFirst(Pages):
    ordering = ("-created_at", "-id")


class ById(Pages):
    ordering = ("id",)


class Tasks(generics.ListCreateAPIView[Task]):
    serializer_class = TaskSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> models.QuerySet[Task]:
        asked = {name: self.request.query_params[name] for name in ("project", "status")}
        return logged().filter(**asked)

    def create(self, *given: Any, **names: Any) -> Response:
        answer = super().create(*given, **names)
        answer.data = {"data": answer.data, "meta": meta()}
        return answer


class OneTask(generics.RetrieveUpdateAPIView[Task]):
    serializer_class = TaskSerializer

    def get_queryset(self) -> models.QuerySet[Task]:
        return logged()

    def finalize_response(self, *given: Any, **names: Any) -> Any:
        answer = super().finalize_response(*given, **names)
        answer.data = {"data": answer.data, "meta": meta()}
        return answer


class Projects(generics.ListAPIView[Project]):
    serializer_class = ProjectSerializer
    pagination_class = ById

    def get_queryset(self) -> models.QuerySet[Project]:
        count = Task.objects.filter(project=models.OuterRef("pk")).order_by().values("project")
        return Project.objects.annotate(
            task_count=models.Subquery(count.annotate(number=models.Count("*")).values("number"))
        )


urlpatterns = [
    path("api/v1/tasks", Tasks.as_view()),
    path("api/v1/tasks/<str:pk>", OneTask.as_view()),
    path("api/v1/projects", Projects.as_view()),
]
app = WSGIHandler()
