using System.Collections.Immutable;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Timeline;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// The rows of <see cref="TimelineTables.RetentionRules"/>: one a conversation whose messages do not all say their time
/// themselves yet. The runner adds rules, the sweep takes them away. Both lock the row before they touch the messages
/// that it speaks of, so neither sees half of the other's work, and neither waits for the other in a circle.
/// </summary>
internal static class RetentionRuleRows
{
    /// <summary>
    /// Locks the rows of conversations until the transaction ends. The next statement sees what others committed.
    /// </summary>
    public static async Task LockAsync(
        NpgsqlConnection connection, Guid[] conversations, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT FROM {RetentionRuleSql.Table} WHERE conversation_id = ANY ($1) ORDER BY conversation_id FOR UPDATE",
            connection);
        command.Parameters.Add(new() { Value = conversations });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public static async Task<ImmutableArray<RetentionRule>> LoadAsync(
        NpgsqlConnection connection, Guid conversation, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT from_seqs, before_seqs, messages, kept_ms, shown_ms FROM {RetentionRuleSql.Table}
            WHERE conversation_id = $1
            """,
            connection);
        command.Parameters.Add(new() { Value = conversation });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken))
            return [];
        var columns = Enumerable.Range(0, 5).Select(row.GetFieldValue<long[]>).ToArray();
        return
        [
            .. Enumerable.Range(0, columns[0].Length).Select(n => new RetentionRule(
                columns[0][n], columns[1][n], columns[2][n], TimeSpan.FromMilliseconds(columns[3][n]),
                TimeSpan.FromMilliseconds(columns[4][n]))),
        ];
    }

    /// <summary>Replaces the rules of a conversation; without rules it has no row.</summary>
    public static async Task SaveAsync(
        NpgsqlConnection connection, Guid conversation, ImmutableArray<RetentionRule> rules,
        CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            rules.IsEmpty
                ? $"DELETE FROM {RetentionRuleSql.Table} WHERE conversation_id = $1"
                : $"""
                INSERT INTO {RetentionRuleSql.Table}
                    (conversation_id, from_seqs, before_seqs, messages, kept_ms, shown_ms) VALUES ($1, $2, $3, $4, $5, $6)
                ON CONFLICT (conversation_id) DO UPDATE SET
                    from_seqs = excluded.from_seqs, before_seqs = excluded.before_seqs, messages = excluded.messages,
                    kept_ms = excluded.kept_ms, shown_ms = excluded.shown_ms
                """,
            connection);
        command.Parameters.Add(new() { Value = conversation });
        if (!rules.IsEmpty)
        {
            Add(rule => rule.FromSeq);
            Add(rule => rule.BeforeSeq);
            Add(rule => rule.MessagesBefore);
            Add(rule => (long)rule.KeptFor.TotalMilliseconds);
            Add(rule => (long)rule.ShownFor.TotalMilliseconds);
        }

        await command.ExecuteNonQueryAsync(cancellationToken);

        void Add(Func<RetentionRule, long> column) =>
            command.Parameters.Add(new() { Value = rules.Select(column).ToArray() });
    }
}
