using Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>What models do in one transaction of the runner.</summary>
/// <param name="connection">Its search path is the schema of the tables: the live one, or that of a rebuild.</param>
internal sealed class ReadModelSession(NpgsqlConnection connection, ReadModelTarget target, Func<IDocumentSession> documents)
{
    private readonly Lazy<IDocumentSession> _documents = new(documents);

    /// <summary>
    /// Marten's part of it, written when the transaction is committed; opened when it is needed, which most
    /// transactions do not.
    /// </summary>
    public IDocumentSession Documents => _documents.Value;

    public IDocumentSession? OpenedDocuments => _documents.IsValueCreated ? _documents.Value : null;

    public NpgsqlConnection Connection { get; } = connection;

    /// <summary>Whether the tables are those of a rebuild, which nobody reads yet.</summary>
    public bool IsRebuild => target.IsRebuild;

    public StreamFacts Streams => target.Streams;

    public NpgsqlCommand Command(string sql, params ReadOnlySpan<object> parameters)
    {
        var command = Connection.CreateCommand();
        command.CommandText = sql;
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter as NpgsqlParameter ?? new NpgsqlParameter { Value = parameter });
        return command;
    }
}
