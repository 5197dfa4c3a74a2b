using ChatCqrs.Domain;
using Marten.Services;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>A transaction that views and checkpoint share. It begins by moving the checkpoint.</summary>
internal sealed class ReadModelTransaction : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;
    private readonly ErasedRows _erasedRows;

    private ReadModelTransaction(NpgsqlConnection connection, NpgsqlTransaction transaction, ReadModelTarget target)
    {
        _connection = connection;
        _transaction = transaction;
        Session = new ReadModelSession(
            connection, target, () => target.Documents.LightweightSession(SessionOptions.ForTransaction(transaction)));
        _erasedRows = new ErasedRows(Session);
    }

    public ReadModelSession Session { get; }

    /// <summary>The transaction itself, for those who write into it by other means.</summary>
    public NpgsqlTransaction Inner => _transaction;

    /// <inheritdoc cref="Checkpoint.MoveAsync"/>
    public static async Task<ReadModelTransaction> BeginAsync(
        ReadModelTarget target, LogPosition from, LogPosition to, double lagSeconds, CancellationToken cancellationToken)
    {
        var connection = await target.Tables.OpenConnectionAsync(cancellationToken);
        try
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await Checkpoint.MoveAsync(connection, target.Epoch, from, to, lagSeconds, cancellationToken);
            return new ReadModelTransaction(connection, transaction, target);
        }
        catch
        {
            await connection.DisposeAsync(); // Which rolls back.
            throw;
        }
    }

    /// <summary>Folds a run into a model.</summary>
    public async Task FoldAsync(IReadModel model, IReadOnlyList<Recorded> facts, CancellationToken cancellationToken)
    {
        await model.ApplyAsync(facts, Session, cancellationToken);
        await _erasedRows.DeleteAsync(model, facts, cancellationToken);
    }

    /// <summary>Writes the documents.</summary>
    public Task SaveAsync(CancellationToken cancellationToken) =>
        Session.OpenedDocuments is { } documents ? documents.SaveChangesAsync(cancellationToken) : Task.CompletedTask;

    /// <summary>Commits what is written.</summary>
    public Task CommitAsync(CancellationToken cancellationToken) => _transaction.CommitAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (Session.OpenedDocuments is { } documents)
            await documents.DisposeAsync();
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
