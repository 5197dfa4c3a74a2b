using Marten;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>Tables of push subscriptions and pending wake-ups.</summary>
internal static class PushSchema
{
    public static void Register(StoreOptions options)
    {
        var schema = options.DatabaseSchemaName;
        options.Storage.ExtendedSchemaObjects.Add(Subscriptions(schema));
        options.Storage.ExtendedSchemaObjects.Add(Pending(schema));
    }

    /// <summary>
    /// Subscriptions with their last attempt: <c>wake</c>, <c>attempt</c>, and whether its outcome is known; with the
    /// wake-up whose first attempt is queued, and when it is due; and with the failures in a row.
    /// </summary>
    private static Table Subscriptions(string schema)
    {
        var table = new Table($"{schema}.push_subscriptions");
        table.AddColumn("id", "uuid").AsPrimaryKey();
        table.AddColumn("user_id", "uuid").NotNull();
        table.AddColumn("device_id", "uuid").NotNull();
        table.AddColumn("platform", "text").NotNull();
        table.AddColumn("address", "bytea").NotNull();
        table.AddColumn("secret", "bytea"); // Null for FCM and APNs, and in rows of an earlier version.
        table.AddColumn("target", "bytea").NotNull();
        table.AddColumn("created_at", "timestamptz").NotNull();
        table.AddColumn("wake", "uuid");
        table.AddColumn("attempt", "integer").NotNull().DefaultValueByExpression("0");
        table.AddColumn("settled", "boolean").NotNull().DefaultValueByExpression("true");
        table.AddColumn("queued_wake", "uuid");
        table.AddColumn("queued_at", "timestamptz");
        table.AddColumn("failures", "integer").NotNull().DefaultValueByExpression("0");
        table.AddColumn("paused_until", "timestamptz");
        table.Indexes.Add(new IndexDefinition("push_subscriptions_owned") { IsUnique = true }
            .AgainstColumns("user_id", "address"));
        table.Indexes.Add(new IndexDefinition("push_subscriptions_secret").AgainstColumns("secret"));
        return table;
    }

    /// <summary>
    /// Users with a pending wake-up; further messages need no other. <c>since</c> is when the earliest of its messages
    /// was recorded; null in rows of an earlier version. <c>is_unsent</c>: no message of Wolverine's stands for it yet.
    /// </summary>
    private static Table Pending(string schema)
    {
        var table = new Table($"{schema}.push_pending");
        table.AddColumn("user_id", "uuid").AsPrimaryKey();
        table.AddColumn("due", "timestamptz").NotNull();
        table.AddColumn("since", "timestamptz");
        table.AddColumn("is_unsent", "boolean").NotNull().DefaultValueByExpression("false");
        return table;
    }
}
