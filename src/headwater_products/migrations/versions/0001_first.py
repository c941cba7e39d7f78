"""first."""

import sqlalchemy as sa
from alembic import op

import headwater.db.types as hw

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("login", hw.Text(), nullable=False),
        sa.Column("login_folded", hw.Id(), nullable=False),
        sa.Column("name", hw.Text(), nullable=False),
        sa.Column("name_folded", hw.Id(), nullable=False),
        sa.Column("password_hash", hw.Text(), nullable=False),
        sa.Column("roles", hw.List(), nullable=False),
        sa.Column("active", hw.Boolean(), nullable=False),
        sa.Column("demo", hw.Boolean(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "hw_log",
        sa.Column("position", hw.Integer(), sa.Identity(always=False, cache=1), nullable=False),
        sa.Column("at", hw.DateTime(), nullable=False),
        sa.Column("type", hw.Id(), nullable=False),
        sa.Column("resource", hw.Id(), nullable=False),
        sa.Column("row_id", hw.Id(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.Column("actor", hw.Id(), nullable=True),
        sa.Column("organisation", hw.Id(), nullable=True),
        sa.Column("request_id", hw.Id(), nullable=False),
        sa.Column("before", hw.Json(), nullable=True),
        sa.Column("after", hw.Json(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_table(
        "hw_settings",
        sa.Column("name", hw.Id(), nullable=False),
        sa.Column("value", hw.Id(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "people",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("name", hw.Text(), nullable=False),
        sa.Column("name_folded", hw.Id(), nullable=False),
        sa.Column("login", hw.Text(), nullable=False),
        sa.Column("login_folded", hw.Id(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "projects",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("name", hw.Text(), nullable=False),
        sa.Column("name_folded", hw.Id(), nullable=False),
        sa.Column("status", hw.Enum(), nullable=False),
        sa.Column("start", hw.Date(), nullable=True),
        sa.Column("deadline", hw.Date(), nullable=True),
        sa.Column("frame_rate", hw.Decimal(), nullable=False),
        sa.Column("description", hw.Text(), nullable=True),
        sa.Column("description_folded", hw.Id(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("turn", hw.Integer(), nullable=False),
        sa.Column("algorithm", hw.Text(), nullable=False),
        sa.Column("algorithm_folded", hw.Id(), nullable=False),
        sa.Column("private_pem", hw.Text(), nullable=False),
        sa.Column("public_jwk", hw.Json(), nullable=False),
        sa.Column("active_from", hw.DateTime(), nullable=False),
        sa.Column("retires_at", hw.DateTime(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "memberships",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("project_id", hw.Id(), nullable=False),
        sa.Column("person_id", hw.Id(), nullable=False),
        sa.Column("role", hw.Enum(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_memberships_person_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_memberships_project_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "sequences",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("project_id", hw.Id(), nullable=False),
        sa.Column("code", hw.Text(), nullable=False),
        sa.Column("code_folded", hw.Id(), nullable=False),
        sa.Column("description", hw.Text(), nullable=True),
        sa.Column("description_folded", hw.Id(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_sequences_project_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("account_id", hw.Id(), nullable=False),
        sa.Column("family_hash", hw.Text(), nullable=False),
        sa.Column("seed", hw.Text(), nullable=False),
        sa.Column("refresh_hash", hw.Text(), nullable=False),
        sa.Column("previous_hash", hw.Text(), nullable=True),
        sa.Column("rotated_at", hw.DateTime(), nullable=True),
        sa.Column("ended_at", hw.DateTime(), nullable=True),
        sa.Column("expires_at", hw.DateTime(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_sessions_account_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "shots",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("project_id", hw.Id(), nullable=False),
        sa.Column("sequence_id", hw.Id(), nullable=False),
        sa.Column("code", hw.Text(), nullable=False),
        sa.Column("code_folded", hw.Id(), nullable=False),
        sa.Column("frame_in", hw.Integer(), nullable=False),
        sa.Column("frame_out", hw.Integer(), nullable=False),
        sa.Column("handles", hw.Integer(), nullable=False),
        sa.Column("status", hw.Enum(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_shots_project_id"),
        sa.ForeignKeyConstraint(["sequence_id"], ["sequences.id"], name="fk_shots_sequence_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("project_id", hw.Id(), nullable=False),
        sa.Column("shot_id", hw.Id(), nullable=True),
        sa.Column("title", hw.Text(), nullable=False),
        sa.Column("title_folded", hw.Id(), nullable=False),
        sa.Column("description", hw.Text(), nullable=True),
        sa.Column("description_folded", hw.Id(), nullable=True),
        sa.Column("department", hw.Enum(), nullable=False),
        sa.Column("artist_id", hw.Id(), nullable=True),
        sa.Column("reviewer_id", hw.Id(), nullable=True),
        sa.Column("status", hw.Enum(), nullable=False),
        sa.Column("priority", hw.Integer(), nullable=False),
        sa.Column("bid", hw.Decimal(), nullable=False),
        sa.Column("start", hw.Date(), nullable=True),
        sa.Column("deadline", hw.DateTime(), nullable=True),
        sa.Column("review_note", hw.Text(), nullable=True),
        sa.Column("review_note_folded", hw.Id(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["artist_id"], ["people.id"], name="fk_tasks_artist_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_tasks_project_id"),
        sa.ForeignKeyConstraint(["reviewer_id"], ["people.id"], name="fk_tasks_reviewer_id"),
        sa.ForeignKeyConstraint(["shot_id"], ["shots.id"], name="fk_tasks_shot_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "time_logs",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("task_id", hw.Id(), nullable=False),
        sa.Column("person_id", hw.Id(), nullable=False),
        sa.Column("date", hw.Date(), nullable=False),
        sa.Column("hours", hw.Decimal(), nullable=False),
        sa.Column("note", hw.Text(), nullable=True),
        sa.Column("note_folded", hw.Id(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_time_logs_person_id"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_time_logs_task_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_accounts_login", "accounts", ["login"], unique=True)
    op.create_index("ix_hw_log_row", "hw_log", ["resource", "row_id", "position"], unique=False)
    op.create_index("ix_memberships_person_id", "memberships", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_memberships_person_id_created_at", "memberships", ["person_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_memberships_person_id_project_id", "memberships", ["person_id", "project_id", "id"], unique=False
    )
    op.create_index("ix_memberships_project_id", "memberships", ["project_id", "id"], unique=False)
    op.create_index(
        "ix_memberships_project_id_created_at",
        "memberships",
        ["project_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_memberships_project_id_person_id", "memberships", ["project_id", "person_id"], unique=True
    )
    op.create_index("uq_people_login", "people", ["login"], unique=True)
    op.create_index("ix_sequences_project_id", "sequences", ["project_id", "id"], unique=False)
    op.create_index(
        "ix_sequences_project_id_created_at", "sequences", ["project_id", "created_at", "id"], unique=False
    )
    op.create_index("uq_sequences_project_id_code", "sequences", ["project_id", "code"], unique=True)
    op.create_index("ix_sessions_account_id", "sessions", ["account_id", "id"], unique=False)
    op.create_index("ix_shots_project_id", "shots", ["project_id", "id"], unique=False)
    op.create_index(
        "ix_shots_project_id_created_at", "shots", ["project_id", "created_at", "id"], unique=False
    )
    op.create_index("ix_shots_sequence_id_code", "shots", ["sequence_id", "code", "id"], unique=False)
    op.create_index("uq_shots_project_id_code", "shots", ["project_id", "code"], unique=True)
    op.create_index("uq_signing_keys_turn", "signing_keys", ["turn"], unique=True)
    op.create_index(
        "ix_tasks_artist_id_status_created_at_desc_created_at",
        "tasks",
        [
            sa.literal_column("artist_id NULLS FIRST"),
            "status",
            sa.literal_column("created_at DESC"),
            sa.literal_column("id DESC"),
        ],
        unique=False,
    )
    op.create_index(
        "ix_tasks_created_at_desc_created_at",
        "tasks",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("ix_tasks_project_id", "tasks", ["project_id", "id"], unique=False)
    op.create_index(
        "ix_tasks_project_id_created_at_desc_created_at",
        "tasks",
        ["project_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_tasks_project_id_status_created_at_desc_created_at",
        "tasks",
        ["project_id", "status", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_tasks_reviewer_id", "tasks", [sa.literal_column("reviewer_id NULLS FIRST"), "id"], unique=False
    )
    op.create_index(
        "ix_tasks_shot_id", "tasks", [sa.literal_column("shot_id NULLS FIRST"), "id"], unique=False
    )
    op.create_index("ix_time_logs_person_id_date", "time_logs", ["person_id", "date", "id"], unique=False)
    op.create_index("ix_time_logs_task_id_date", "time_logs", ["task_id", "date", "id"], unique=False)
    hw.create_search(op.get_bind(), "people", ["name_folded"])
    hw.create_search(op.get_bind(), "projects", ["name_folded", "description_folded"])
    hw.create_search(op.get_bind(), "shots", ["code_folded"])
    hw.create_search(op.get_bind(), "tasks", ["title_folded", "description_folded"])


def downgrade() -> None:
    hw.drop_search(op.get_bind(), "tasks")
    hw.drop_search(op.get_bind(), "shots")
    hw.drop_search(op.get_bind(), "projects")
    hw.drop_search(op.get_bind(), "people")
    op.drop_index("ix_time_logs_task_id_date", table_name="time_logs")
    op.drop_index("ix_time_logs_person_id_date", table_name="time_logs")
    op.drop_index("ix_tasks_shot_id", table_name="tasks")
    op.drop_index("ix_tasks_reviewer_id", table_name="tasks")
    op.drop_index("ix_tasks_project_id_status_created_at_desc_created_at", table_name="tasks")
    op.drop_index("ix_tasks_project_id_created_at_desc_created_at", table_name="tasks")
    op.drop_index("ix_tasks_project_id", table_name="tasks")
    op.drop_index("ix_tasks_created_at_desc_created_at", table_name="tasks")
    op.drop_index("ix_tasks_artist_id_status_created_at_desc_created_at", table_name="tasks")
    op.drop_index("uq_signing_keys_turn", table_name="signing_keys")
    op.drop_index("uq_shots_project_id_code", table_name="shots")
    op.drop_index("ix_shots_sequence_id_code", table_name="shots")
    op.drop_index("ix_shots_project_id_created_at", table_name="shots")
    op.drop_index("ix_shots_project_id", table_name="shots")
    op.drop_index("ix_sessions_account_id", table_name="sessions")
    op.drop_index("uq_sequences_project_id_code", table_name="sequences")
    op.drop_index("ix_sequences_project_id_created_at", table_name="sequences")
    op.drop_index("ix_sequences_project_id", table_name="sequences")
    op.drop_index("uq_people_login", table_name="people")
    op.drop_index("uq_memberships_project_id_person_id", table_name="memberships")
    op.drop_index("ix_memberships_project_id_created_at", table_name="memberships")
    op.drop_index("ix_memberships_project_id", table_name="memberships")
    op.drop_index("ix_memberships_person_id_project_id", table_name="memberships")
    op.drop_index("ix_memberships_person_id_created_at", table_name="memberships")
    op.drop_index("ix_memberships_person_id", table_name="memberships")
    op.drop_index("ix_hw_log_row", table_name="hw_log")
    op.drop_index("uq_accounts_login", table_name="accounts")
    op.drop_table("time_logs")
    op.drop_table("tasks")
    op.drop_table("shots")
    op.drop_table("sessions")
    op.drop_table("sequences")
    op.drop_table("memberships")
    op.drop_table("signing_keys")
    op.drop_table("projects")
    op.drop_table("people")
    op.drop_table("hw_settings")
    op.drop_table("hw_log")
    op.drop_table("accounts")
