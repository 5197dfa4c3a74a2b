using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IDirectory"/>
internal sealed class DirectoryQueries(NpgsqlDataSource database) : IDirectory
{
    internal const string Sql = "SELECT id, decode(data ->> 'profile', 'base64') FROM mt_doc_users WHERE id = ANY($1)";

    private const string ErasedSql =
        "SELECT id, (data ->> 'erased_at')::timestamptz FROM mt_doc_users WHERE id = ANY($1) AND data ->> 'erased_at' IS NOT NULL";

    public async Task<IReadOnlyDictionary<UserId, SealedContent>> ProfilesAsync(IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            Sql, row => (User: new UserId(Guid.Parse(row.GetString(0))), Profile: new SealedContent(null, row.GetFieldValue<byte[]>(1))),
            cancellationToken, (object)users.Select(user => user.ToString()).ToArray());
        return rows.ToDictionary(row => row.User, row => row.Profile);
    }

    public async Task<IReadOnlyDictionary<UserId, DateTimeOffset>> ErasedAsync(IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            ErasedSql, row => (User: new UserId(Guid.Parse(row.GetString(0))), At: row.GetFieldValue<DateTimeOffset>(1)),
            cancellationToken, (object)users.Select(user => user.ToString()).ToArray());
        return rows.ToDictionary(row => row.User, row => row.At);
    }
}
