using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.ReadModels;
using Npgsql;

namespace ChatCqrs.Infrastructure.Retention;

/// <summary>
/// Moves messages that have expired, and whose events the log has lost, from <c>timeline</c> and <c>message_ids</c> to
/// one narrow row each (docs/adr/0084). No fold changes such a message, and a rebuild takes its row over as it is. An
/// author's last one before the log's start stays where it is: the numbering of messages goes on from it
/// (docs/adr/0013).
/// </summary>
internal static class GoneMessages
{
    /// <summary>
    /// Seqs of the next <c>$3</c> messages of the conversation <c>$1</c> before the seq <c>$2</c>.
    /// </summary>
    private const string NextSql =
        """
        SELECT t.seq FROM timeline t
        WHERE t.conversation_id = $1 AND t.expired_at IS NOT NULL AND t.seq < $2 AND EXISTS (
            SELECT FROM timeline l
            WHERE l.conversation_id = t.conversation_id AND l.actor = t.actor AND l.message_id IS NOT NULL
              AND l.seq > t.seq AND l.seq < $2)
        ORDER BY t.seq LIMIT $3
        """;

    /// <summary>Numbers the authors of the messages <c>$2</c> that have no number yet.</summary>
    private const string AuthorsSql =
        """
        INSERT INTO gone_authors (conversation_id, author, user_id, device)
        SELECT $1, (SELECT coalesce(max(author), 0) FROM gone_authors WHERE conversation_id = $1) + row_number() OVER (ORDER BY n.actor, n.device),
            n.actor, n.device
        FROM (SELECT DISTINCT actor, device FROM timeline WHERE conversation_id = $1 AND seq = ANY ($2)) n
        WHERE NOT EXISTS (
            SELECT FROM gone_authors a WHERE a.conversation_id = $1 AND a.user_id = n.actor AND a.device = n.device)
        """;

    /// <summary>Moves the messages <c>$2</c>.</summary>
    private const string MoveSql =
        """
        WITH places AS (
            DELETE FROM timeline WHERE conversation_id = $1 AND seq = ANY ($2)
            RETURNING seq, at, expires_at, message_id, actor, device, type
        ), ids AS (
            DELETE FROM message_ids i USING places p
            WHERE i.message_id = p.message_id AND i.sender = p.actor AND i.conversation_id = $1 AND i.seq = p.seq
            RETURNING i.seq, i.fingerprint
        )
        INSERT INTO gone_messages (conversation_id, seq, sent_at, expires_at, message_id, fingerprint, author, type)
        SELECT $1, p.seq, p.at, p.expires_at, p.message_id, i.fingerprint, a.author, p.type
        FROM places p LEFT JOIN ids i ON i.seq = p.seq
        JOIN gone_authors a ON a.conversation_id = $1 AND a.user_id = p.actor AND a.device = p.device
        """;

    /// <summary>Moves the next messages of a conversation, in the connection's transaction.</summary>
    /// <param name="limit">The most messages to move.</param>
    /// <returns>Whether there may be more; false also during a rebuild.</returns>
    public static async Task<bool> MoveAsync(
        NpgsqlConnection connection, ConversationId conversation, int limit, CancellationToken cancellationToken)
    {
        if (!await LogStarts.TryShareInTransactionAsync(connection, cancellationToken))
            return false;
        await using var start = Command(
            connection,
            $"SELECT before FROM {LogStarts.Table} WHERE conversation_id = $1 AND NOT of_receipts FOR UPDATE",
            conversation.Value); // Two sweeps at once take turns.
        if (await start.ExecuteScalarAsync(cancellationToken) is not long before)
            return false;
        var seqs = await NextAsync(connection, conversation, before, limit, cancellationToken);
        if (seqs.Length > 0)
        {
            await using var authors = Command(connection, AuthorsSql, conversation.Value, seqs);
            await authors.ExecuteNonQueryAsync(cancellationToken);
            await using var move = Command(connection, MoveSql, conversation.Value, seqs);
            if (await move.ExecuteNonQueryAsync(cancellationToken) is var moved && moved != seqs.Length)
                throw new InvalidOperationException($"{moved} of {seqs.Length} gone messages were moved.");
        }

        if (seqs.Length == limit)
            return true;
        await using var done = Command(
            connection,
            $"UPDATE {LogStarts.Table} SET moved_before = before WHERE conversation_id = $1 AND NOT of_receipts",
            conversation.Value);
        await done.ExecuteNonQueryAsync(cancellationToken);
        return false;
    }

    private static async Task<long[]> NextAsync(
        NpgsqlConnection connection, ConversationId conversation, long before, int limit,
        CancellationToken cancellationToken)
    {
        var seqs = new List<long>();
        await using var next = Command(connection, NextSql, conversation.Value, before, limit);
        await using var row = await next.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            seqs.Add(row.GetInt64(0));
        return [.. seqs];
    }

    private static NpgsqlCommand Command(
        NpgsqlConnection connection, string sql, params ReadOnlySpan<object> parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        return command;
    }
}
