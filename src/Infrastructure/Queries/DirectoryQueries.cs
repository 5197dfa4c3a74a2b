using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IDirectory"/>
internal sealed class DirectoryQueries(NpgsqlDataSource database) : IDirectory
{
    private const string ProfilesSql =
        "SELECT id, decode(data ->> 'profile', 'base64') FROM mt_doc_users WHERE id = ANY ($1)";

    private const string ErasedSql =
        """
        SELECT id, (data ->> 'erased_at')::timestamptz FROM mt_doc_users
        WHERE id = ANY ($1) AND data ->> 'erased_at' IS NOT NULL
        """;

    public async Task<IReadOnlyDictionary<UserId, SealedContent>> ProfilesAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            ProfilesSql,
            row => (User: UserOf(row), Profile: new SealedContent(null, row.GetFieldValue<byte[]>(1))),
            cancellationToken, IdsOf(users));
        return rows.ToDictionary(row => row.User, row => row.Profile);
    }

    public async Task<IReadOnlyDictionary<UserId, DateTimeOffset>> ErasedAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            ErasedSql, row => (User: UserOf(row), At: row.GetFieldValue<DateTimeOffset>(1)),
            cancellationToken, IdsOf(users));
        return rows.ToDictionary(row => row.User, row => row.At);
    }

    private static UserId UserOf(NpgsqlDataReader row) => new(Guid.Parse(row.GetString(0)));

    /// <summary>The ids of Marten's documents are texts.</summary>
    private static object IdsOf(IReadOnlyCollection<UserId> users) => users.Select(user => user.ToString()).ToArray();
}
