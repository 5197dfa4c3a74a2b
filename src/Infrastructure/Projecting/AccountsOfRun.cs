using System.Text.Json;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using ChatCqrs.Infrastructure.Postgres;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Which users and devices there are, for receipts that come into the log after their account or device has ended: what
/// the live directory says, and what has happened in this run. In a rebuild the directory is ahead, and says what ends
/// later.
/// </summary>
internal sealed class AccountsOfRun
{
    /// <summary>The devices of each user that was looked up; null for erased ones.</summary>
    private readonly Dictionary<UserId, HashSet<DeviceId>?> _listed = [];
    private readonly HashSet<DeviceId> _added = [];
    private readonly HashSet<DeviceId> _removed = [];
    private readonly HashSet<UserId> _erased = [];

    public void Add(Recorded fact)
    {
        switch (fact.Event)
        {
            case UserEvent.DeviceAdded e:
                _added.Add(e.Device);
                break;
            case UserEvent.DeviceRemoved e:
                _removed.Add(e.Device);
                break;
            case UserEvent.UserErased e:
                _erased.Add(e.User);
                break;
        }
    }

    public bool IsErased(UserId user) =>
        _erased.Contains(user) || (_listed.TryGetValue(user, out var devices) && devices is null);

    /// <summary>Whether a device is none of its user's any more. Users without an account are not judged.</summary>
    public bool IsGone(UserId user, DeviceId device) => IsErased(user) || _removed.Contains(device)
        || (_listed.TryGetValue(user, out var devices) && !devices!.Contains(device) && !_added.Contains(device));

    /// <summary>Reads the directory; needed only for a device that is new in a conversation.</summary>
    public async Task LookUpAsync(
        IReadOnlySet<UserId> users, ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var command = session.Command(
            $"""
            SELECT u.id, u.data -> 'devices', u.data ->> 'erased_at' IS NOT NULL
            FROM {PostgresRegistration.Schema}.mt_doc_users u WHERE u.id = ANY ($1)
            """,
            [users.Select(user => user.ToString()).ToArray()]);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var devices = JsonSerializer.Deserialize(row.GetString(1), DevicesJson.Default.GuidArray)!;
            _listed[new UserId(Guid.Parse(row.GetString(0)))] =
                row.GetBoolean(2) ? null : devices.Select(device => new DeviceId(device)).ToHashSet();
        }
    }
}
