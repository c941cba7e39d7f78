"""index orders of rule keys."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # PostgreSQL builds these while the tables stay in use. Running it again replaces one that failed.
    with op.get_context().autocommit_block():
        op.drop_index(
            "ix_tasks_project_id_created_at", table_name="tasks", postgresql_concurrently=True, if_exists=True
        )
        op.drop_index(
            "ix_time_logs_task_id_created_at",
            table_name="time_logs",
            postgresql_concurrently=True,
            if_exists=True,
        )
        op.drop_index(
            "ix_memberships_person_id", table_name="memberships", if_exists=True, postgresql_concurrently=True
        )
        op.create_index(
            "ix_memberships_person_id",
            "memberships",
            ["person_id", "id"],
            unique=False,
            postgresql_concurrently=True,
        )
        op.drop_index("ix_tasks_project_id", table_name="tasks", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            "ix_tasks_project_id", "tasks", ["project_id", "id"], unique=False, postgresql_concurrently=True
        )


def downgrade() -> None:
    # PostgreSQL builds these while the tables stay in use. Running it again replaces one that failed.
    with op.get_context().autocommit_block():
        op.drop_index("ix_tasks_project_id", table_name="tasks", postgresql_concurrently=True)
        op.drop_index("ix_memberships_person_id", table_name="memberships", postgresql_concurrently=True)
        op.drop_index(
            "ix_time_logs_task_id_created_at",
            table_name="time_logs",
            if_exists=True,
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_time_logs_task_id_created_at",
            "time_logs",
            ["task_id", "created_at", "id"],
            unique=False,
            postgresql_concurrently=True,
        )
        op.drop_index(
            "ix_tasks_project_id_created_at", table_name="tasks", if_exists=True, postgresql_concurrently=True
        )
        op.create_index(
            "ix_tasks_project_id_created_at",
            "tasks",
            ["project_id", "created_at", "id"],
            unique=False,
            postgresql_concurrently=True,
        )
