using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Retention;
using Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>A part of the read side that is folded, and rebuilt, as one.</summary>
internal interface IReadModel
{
    string Name { get; }

    /// <summary>Its tables, without the schema; a rebuild replaces exactly these.</summary>
    IReadOnlyList<string> Tables { get; }

    /// <summary>
    /// What a rebuild takes over from the live tables <c>t</c>, since the log does not begin with it any more: a table, and which of its rows. Folding events that
    /// such rows have seen already must change nothing in the end. <c>{0}</c> stands for the live schema.
    /// </summary>
    IReadOnlyList<(string Table, string Rows)> TakenOver => [];

    /// <summary>Folds a run of the log into the views, within the session's transaction.</summary>
    Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken);

    /// <summary>Forgets what it keeps in memory: the last transaction did not commit, or somebody else has led meanwhile.</summary>
    void Forget()
    {
    }
}

/// <summary>The rows of conversations whose streams were truncated.</summary>
internal static class Truncated
{
    public static string Before(string seq) => Where("t.conversation_id", $" AND NOT s.of_receipts AND {seq} < s.before");

    public static string Conversation(string id) => Where(id, " AND NOT s.of_receipts");

    public static string Receipts(string id) => Where(id, " AND s.of_receipts");

    private static string Where(string id, string more) => $"EXISTS (SELECT FROM {{0}}.{LogStarts.Table} s WHERE s.conversation_id = {id}{more})";
}

/// <summary>What models do in one transaction of the runner.</summary>
/// <param name="schema">Where the tables are.</param>
internal sealed class ReadModelSession(NpgsqlConnection connection, string schema, Func<IDocumentSession> documents)
{
    private readonly Lazy<IDocumentSession> _documents = new(documents);

    /// <summary>Marten's part of it, written when the transaction is committed; opened when it is needed, which most transactions do not.</summary>
    public IDocumentSession Documents => _documents.Value;

    public IDocumentSession? OpenedDocuments => _documents.IsValueCreated ? _documents.Value : null;

    public NpgsqlConnection Connection { get; } = connection;
    public string Schema { get; } = schema;

    public NpgsqlCommand Command(string sql, params ReadOnlySpan<object> parameters)
    {
        var command = Connection.CreateCommand();
        command.CommandText = sql;
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter as NpgsqlParameter ?? new NpgsqlParameter { Value = parameter });
        return command;
    }
}
