using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="IDirectory"/>
internal sealed class DirectoryQueries(NpgsqlDataSource database) : IDirectory
{
    internal const string Sql = "SELECT id, decode(data ->> 'profile', 'base64') FROM chat.mt_doc_users WHERE id = ANY($1)";

    public async Task<IReadOnlyDictionary<UserId, SealedContent>> ProfilesAsync(IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            Sql, row => (User: new UserId(Guid.Parse(row.GetString(0))), Profile: new SealedContent(null, row.GetFieldValue<byte[]>(1))),
            cancellationToken, (object)users.Select(user => user.ToString()).ToArray());
        return rows.ToDictionary(row => row.User, row => row.Profile);
    }
}
