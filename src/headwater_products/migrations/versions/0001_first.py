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
        "achievements",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("product", hw.Text(), nullable=False),
        sa.Column("product_folded", hw.Id(), nullable=False),
        sa.Column("name", hw.Text(), nullable=False),
        sa.Column("name_folded", hw.Id(), nullable=False),
        sa.Column("description", hw.Text(), nullable=False),
        sa.Column("description_folded", hw.Id(), nullable=False),
        sa.Column("points", hw.Integer(), nullable=False),
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
        sa.Column("title", hw.Text(), nullable=True),
        sa.Column("title_folded", hw.Id(), nullable=True),
        sa.Column("bio", hw.Text(), nullable=True),
        sa.Column("bio_folded", hw.Id(), nullable=True),
        sa.Column("skills", hw.List(), nullable=False),
        sa.Column("time_zone", hw.Text(), nullable=False),
        sa.Column("time_zone_folded", hw.Id(), nullable=False),
        sa.Column("email", hw.Text(), nullable=True),
        sa.Column("phone", hw.Text(), nullable=True),
        sa.Column("phone_folded", hw.Id(), nullable=True),
        sa.Column("location", hw.Text(), nullable=True),
        sa.Column("location_folded", hw.Id(), nullable=True),
        sa.Column("birthday", hw.Date(), nullable=True),
        sa.Column("website", hw.Text(), nullable=True),
        sa.Column("public", hw.List(), nullable=False),
        sa.Column("preferences", hw.Json(), nullable=False),
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
        sa.Column("resolution", hw.Json(), nullable=False),
        sa.Column("colour_space", hw.Enum(), nullable=False),
        sa.Column("drive_mapping", hw.Json(), nullable=True),
        sa.Column("client", hw.Text(), nullable=True),
        sa.Column("client_folded", hw.Id(), nullable=True),
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
        "task_types",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("name", hw.Text(), nullable=False),
        sa.Column("name_folded", hw.Id(), nullable=False),
        sa.Column("department", hw.Enum(), nullable=False),
        sa.Column("position", hw.Integer(), nullable=False),
        sa.Column("bid", hw.Decimal(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "activities",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("person_id", hw.Id(), nullable=False),
        sa.Column("product", hw.Text(), nullable=False),
        sa.Column("product_folded", hw.Id(), nullable=False),
        sa.Column("verb", hw.Text(), nullable=False),
        sa.Column("verb_folded", hw.Id(), nullable=False),
        sa.Column("subject", hw.Text(), nullable=False),
        sa.Column("subject_folded", hw.Id(), nullable=False),
        sa.Column("path", hw.Text(), nullable=True),
        sa.Column("path_folded", hw.Id(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_activities_person_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "assets",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("project_id", hw.Id(), nullable=False),
        sa.Column("code", hw.Text(), nullable=False),
        sa.Column("code_folded", hw.Id(), nullable=False),
        sa.Column("name", hw.Text(), nullable=False),
        sa.Column("name_folded", hw.Id(), nullable=False),
        sa.Column("type", hw.Enum(), nullable=False),
        sa.Column("description", hw.Text(), nullable=True),
        sa.Column("description_folded", hw.Id(), nullable=True),
        sa.Column("status", hw.Enum(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_assets_project_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "awards",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("person_id", hw.Id(), nullable=False),
        sa.Column("achievement_id", hw.Id(), nullable=False),
        sa.Column("reason", hw.Text(), nullable=True),
        sa.Column("reason_folded", hw.Id(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["achievement_id"], ["achievements.id"], name="fk_awards_achievement_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_awards_person_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "blocks",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("person_id", hw.Id(), nullable=False),
        sa.Column("blocked_id", hw.Id(), nullable=False),
        sa.Column("reason", hw.Text(), nullable=True),
        sa.Column("reason_folded", hw.Id(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["blocked_id"], ["people.id"], name="fk_blocks_blocked_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_blocks_person_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "memberships",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("project_id", hw.Id(), nullable=False),
        sa.Column("person_id", hw.Id(), nullable=False),
        sa.Column("role", hw.Enum(), nullable=False),
        sa.Column("department", hw.Enum(), nullable=True),
        sa.Column("weekly_hours", hw.Decimal(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_memberships_person_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_memberships_project_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "progress",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("person_id", hw.Id(), nullable=False),
        sa.Column("product", hw.Text(), nullable=False),
        sa.Column("product_folded", hw.Id(), nullable=False),
        sa.Column("topic", hw.Text(), nullable=False),
        sa.Column("topic_folded", hw.Id(), nullable=False),
        sa.Column("done", hw.Integer(), nullable=False),
        sa.Column("total", hw.Integer(), nullable=False),
        sa.Column("finished_at", hw.DateTime(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_progress_person_id"),
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
        sa.Column("description", hw.Text(), nullable=True),
        sa.Column("description_folded", hw.Id(), nullable=True),
        sa.Column("cut_order", hw.Integer(), nullable=False),
        sa.Column("frame_in", hw.Integer(), nullable=False),
        sa.Column("frame_out", hw.Integer(), nullable=False),
        sa.Column("handles", hw.Integer(), nullable=False),
        sa.Column("status", hw.Enum(), nullable=False),
        sa.Column("client_note", hw.Text(), nullable=True),
        sa.Column("client_note_folded", hw.Id(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_shots_project_id"),
        sa.ForeignKeyConstraint(["sequence_id"], ["sequences.id"], name="fk_shots_sequence_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "asset_uses",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("shot_id", hw.Id(), nullable=False),
        sa.Column("asset_id", hw.Id(), nullable=False),
        sa.Column("count", hw.Integer(), nullable=False),
        sa.Column("note", hw.Text(), nullable=True),
        sa.Column("note_folded", hw.Id(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name="fk_asset_uses_asset_id"),
        sa.ForeignKeyConstraint(["shot_id"], ["shots.id"], name="fk_asset_uses_shot_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("project_id", hw.Id(), nullable=False),
        sa.Column("shot_id", hw.Id(), nullable=True),
        sa.Column("asset_id", hw.Id(), nullable=True),
        sa.Column("type_id", hw.Id(), nullable=True),
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
        sa.Column("estimate", hw.Decimal(), nullable=True),
        sa.Column("start", hw.Date(), nullable=True),
        sa.Column("deadline", hw.DateTime(), nullable=True),
        sa.Column("review_note", hw.Text(), nullable=True),
        sa.Column("review_note_folded", hw.Id(), nullable=True),
        sa.Column("started_at", hw.DateTime(), nullable=True),
        sa.Column("approved_at", hw.DateTime(), nullable=True),
        sa.Column("completed_at", hw.DateTime(), nullable=True),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["artist_id"], ["people.id"], name="fk_tasks_artist_id"),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name="fk_tasks_asset_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_tasks_project_id"),
        sa.ForeignKeyConstraint(["reviewer_id"], ["people.id"], name="fk_tasks_reviewer_id"),
        sa.ForeignKeyConstraint(["shot_id"], ["shots.id"], name="fk_tasks_shot_id"),
        sa.ForeignKeyConstraint(["type_id"], ["task_types.id"], name="fk_tasks_type_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "dependencies",
        sa.Column("id", hw.Id(), nullable=False),
        sa.Column("task_id", hw.Id(), nullable=False),
        sa.Column("needs_id", hw.Id(), nullable=False),
        sa.Column("lag_days", hw.Integer(), nullable=False),
        sa.Column("created_at", hw.DateTime(), nullable=False),
        sa.Column("updated_at", hw.DateTime(), nullable=False),
        sa.Column("version", hw.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["needs_id"], ["tasks.id"], name="fk_dependencies_needs_id"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_dependencies_task_id"),
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
        sa.Column("deleted_at", hw.DateTime(), nullable=True),
        sa.Column("trash_id", hw.Id(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_time_logs_person_id"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_time_logs_task_id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_accounts_login", "accounts", ["login"], unique=True)
    op.create_index("ix_activities_person_id", "activities", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_activities_person_id_created_at_desc_created_at",
        "activities",
        ["person_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("ix_asset_uses_asset_id", "asset_uses", ["asset_id", "id"], unique=False)
    op.create_index("ix_asset_uses_shot_id", "asset_uses", ["shot_id", "id"], unique=False)
    op.create_index("uq_asset_uses_shot_id_asset_id", "asset_uses", ["shot_id", "asset_id"], unique=True)
    op.create_index("ix_assets_project_id", "assets", ["project_id", "id"], unique=False)
    op.create_index(
        "ix_assets_project_id_created_at", "assets", ["project_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_assets_project_id_type_code", "assets", ["project_id", "type", "code", "id"], unique=False
    )
    op.create_index("uq_assets_project_id_code", "assets", ["project_id", "code"], unique=True)
    op.create_index("ix_awards_achievement_id", "awards", ["achievement_id", "id"], unique=False)
    op.create_index("ix_awards_person_id", "awards", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_awards_person_id_created_at", "awards", ["person_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "uq_awards_person_id_achievement_id", "awards", ["person_id", "achievement_id"], unique=True
    )
    op.create_index("ix_blocks_blocked_id", "blocks", ["blocked_id", "id"], unique=False)
    op.create_index("ix_blocks_person_id", "blocks", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_blocks_person_id_created_at", "blocks", ["person_id", "created_at", "id"], unique=False
    )
    op.create_index("uq_blocks_person_id_blocked_id", "blocks", ["person_id", "blocked_id"], unique=True)
    op.create_index("ix_dependencies_needs_id", "dependencies", ["needs_id", "id"], unique=False)
    op.create_index("ix_dependencies_task_id", "dependencies", ["task_id", "id"], unique=False)
    op.create_index("uq_dependencies_task_id_needs_id", "dependencies", ["task_id", "needs_id"], unique=True)
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
    op.create_index("ix_people_name", "people", ["name", "id"], unique=False)
    op.create_index("ix_people_title", "people", [sa.literal_column("title NULLS FIRST"), "id"], unique=False)
    op.create_index("uq_people_login", "people", ["login"], unique=True)
    op.create_index("ix_progress_person_id", "progress", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_progress_person_id_created_at", "progress", ["person_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "uq_progress_person_id_product_topic", "progress", ["person_id", "product", "topic"], unique=True
    )
    op.create_index(
        "ix_projects_created_at_desc_created_at",
        "projects",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("ix_projects_name", "projects", ["name", "id"], unique=False)
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
    op.create_index(
        "ix_shots_project_id_status_code", "shots", ["project_id", "status", "code", "id"], unique=False
    )
    op.create_index(
        "ix_shots_sequence_id_cut_order", "shots", ["sequence_id", "cut_order", "id"], unique=False
    )
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
        "ix_tasks_asset_id", "tasks", [sa.literal_column("asset_id NULLS FIRST"), "id"], unique=False
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
        "ix_tasks_project_id_deadline",
        "tasks",
        ["project_id", sa.literal_column("deadline NULLS FIRST"), "id"],
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
    op.create_index(
        "ix_tasks_type_id", "tasks", [sa.literal_column("type_id NULLS FIRST"), "id"], unique=False
    )
    op.create_index(
        "ix_time_logs_deleted_at",
        "time_logs",
        [sa.literal_column("deleted_at NULLS FIRST"), "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index("ix_time_logs_person_id", "time_logs", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_time_logs_person_id_date",
        "time_logs",
        ["person_id", "date", "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_time_logs_task_id", "time_logs", ["task_id", "id"], unique=False)
    op.create_index(
        "ix_time_logs_task_id_date",
        "time_logs",
        ["task_id", "date", "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    hw.create_search(op.get_bind(), "achievements", ["name_folded", "description_folded"])
    hw.create_search(op.get_bind(), "assets", ["code_folded", "name_folded", "description_folded"])
    hw.create_search(op.get_bind(), "people", ["name_folded", "title_folded", "bio_folded"])
    hw.create_search(op.get_bind(), "projects", ["name_folded", "client_folded", "description_folded"])
    hw.create_search(op.get_bind(), "sequences", ["code_folded", "description_folded"])
    hw.create_search(op.get_bind(), "shots", ["code_folded", "description_folded"])
    hw.create_search(op.get_bind(), "task_types", ["name_folded"])
    hw.create_search(op.get_bind(), "tasks", ["title_folded", "description_folded"])


def downgrade() -> None:
    hw.drop_search(op.get_bind(), "tasks")
    hw.drop_search(op.get_bind(), "task_types")
    hw.drop_search(op.get_bind(), "shots")
    hw.drop_search(op.get_bind(), "sequences")
    hw.drop_search(op.get_bind(), "projects")
    hw.drop_search(op.get_bind(), "people")
    hw.drop_search(op.get_bind(), "assets")
    hw.drop_search(op.get_bind(), "achievements")
    op.drop_index(
        "ix_time_logs_task_id_date",
        table_name="time_logs",
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index("ix_time_logs_task_id", table_name="time_logs")
    op.drop_index(
        "ix_time_logs_person_id_date",
        table_name="time_logs",
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index("ix_time_logs_person_id", table_name="time_logs")
    op.drop_index(
        "ix_time_logs_deleted_at",
        table_name="time_logs",
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.drop_index("ix_tasks_type_id", table_name="tasks")
    op.drop_index("ix_tasks_shot_id", table_name="tasks")
    op.drop_index("ix_tasks_reviewer_id", table_name="tasks")
    op.drop_index("ix_tasks_project_id_status_created_at_desc_created_at", table_name="tasks")
    op.drop_index("ix_tasks_project_id_deadline", table_name="tasks")
    op.drop_index("ix_tasks_project_id_created_at_desc_created_at", table_name="tasks")
    op.drop_index("ix_tasks_project_id", table_name="tasks")
    op.drop_index("ix_tasks_created_at_desc_created_at", table_name="tasks")
    op.drop_index("ix_tasks_asset_id", table_name="tasks")
    op.drop_index("ix_tasks_artist_id_status_created_at_desc_created_at", table_name="tasks")
    op.drop_index("uq_signing_keys_turn", table_name="signing_keys")
    op.drop_index("uq_shots_project_id_code", table_name="shots")
    op.drop_index("ix_shots_sequence_id_cut_order", table_name="shots")
    op.drop_index("ix_shots_project_id_status_code", table_name="shots")
    op.drop_index("ix_shots_project_id_created_at", table_name="shots")
    op.drop_index("ix_shots_project_id", table_name="shots")
    op.drop_index("ix_sessions_account_id", table_name="sessions")
    op.drop_index("uq_sequences_project_id_code", table_name="sequences")
    op.drop_index("ix_sequences_project_id_created_at", table_name="sequences")
    op.drop_index("ix_sequences_project_id", table_name="sequences")
    op.drop_index("ix_projects_name", table_name="projects")
    op.drop_index("ix_projects_created_at_desc_created_at", table_name="projects")
    op.drop_index("uq_progress_person_id_product_topic", table_name="progress")
    op.drop_index("ix_progress_person_id_created_at", table_name="progress")
    op.drop_index("ix_progress_person_id", table_name="progress")
    op.drop_index("uq_people_login", table_name="people")
    op.drop_index("ix_people_title", table_name="people")
    op.drop_index("ix_people_name", table_name="people")
    op.drop_index("uq_memberships_project_id_person_id", table_name="memberships")
    op.drop_index("ix_memberships_project_id_created_at", table_name="memberships")
    op.drop_index("ix_memberships_project_id", table_name="memberships")
    op.drop_index("ix_memberships_person_id_project_id", table_name="memberships")
    op.drop_index("ix_memberships_person_id_created_at", table_name="memberships")
    op.drop_index("ix_memberships_person_id", table_name="memberships")
    op.drop_index("ix_hw_log_row", table_name="hw_log")
    op.drop_index("uq_dependencies_task_id_needs_id", table_name="dependencies")
    op.drop_index("ix_dependencies_task_id", table_name="dependencies")
    op.drop_index("ix_dependencies_needs_id", table_name="dependencies")
    op.drop_index("uq_blocks_person_id_blocked_id", table_name="blocks")
    op.drop_index("ix_blocks_person_id_created_at", table_name="blocks")
    op.drop_index("ix_blocks_person_id", table_name="blocks")
    op.drop_index("ix_blocks_blocked_id", table_name="blocks")
    op.drop_index("uq_awards_person_id_achievement_id", table_name="awards")
    op.drop_index("ix_awards_person_id_created_at", table_name="awards")
    op.drop_index("ix_awards_person_id", table_name="awards")
    op.drop_index("ix_awards_achievement_id", table_name="awards")
    op.drop_index("uq_assets_project_id_code", table_name="assets")
    op.drop_index("ix_assets_project_id_type_code", table_name="assets")
    op.drop_index("ix_assets_project_id_created_at", table_name="assets")
    op.drop_index("ix_assets_project_id", table_name="assets")
    op.drop_index("uq_asset_uses_shot_id_asset_id", table_name="asset_uses")
    op.drop_index("ix_asset_uses_shot_id", table_name="asset_uses")
    op.drop_index("ix_asset_uses_asset_id", table_name="asset_uses")
    op.drop_index("ix_activities_person_id_created_at_desc_created_at", table_name="activities")
    op.drop_index("ix_activities_person_id", table_name="activities")
    op.drop_index("uq_accounts_login", table_name="accounts")
    op.drop_table("time_logs")
    op.drop_table("dependencies")
    op.drop_table("tasks")
    op.drop_table("asset_uses")
    op.drop_table("shots")
    op.drop_table("sessions")
    op.drop_table("sequences")
    op.drop_table("progress")
    op.drop_table("memberships")
    op.drop_table("blocks")
    op.drop_table("awards")
    op.drop_table("assets")
    op.drop_table("activities")
    op.drop_table("task_types")
    op.drop_table("signing_keys")
    op.drop_table("projects")
    op.drop_table("people")
    op.drop_table("hw_settings")
    op.drop_table("hw_log")
    op.drop_table("achievements")
    op.drop_table("accounts")
