using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Users;

public sealed class ErasedUsersSpecs : IDirectory
{
    private static readonly UserId Ann = new(Guid.CreateVersion7());

    private readonly Dictionary<UserId, DateTimeOffset> _erased = [];
    private int _reads;

    [Fact]
    public async Task When_somebody_was_erased_is_asked_once_and_that_they_were_not_is_asked_again()
    {
        var users = new ErasedUsers(this);
        Assert.Null(await users.AtAsync(Ann, default));
        _erased[Ann] = DateTimeOffset.UnixEpoch;

        Assert.Equal(DateTimeOffset.UnixEpoch, await users.AtAsync(Ann, default));
        Assert.Equal(DateTimeOffset.UnixEpoch, await users.AtAsync(Ann, default));

        Assert.Equal(2, _reads);
    }

    Task<IReadOnlyDictionary<UserId, DateTimeOffset>> IDirectory.ErasedAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        _reads++;
        return Task.FromResult<IReadOnlyDictionary<UserId, DateTimeOffset>>(
            users.Where(_erased.ContainsKey).ToDictionary(user => user, user => _erased[user]));
    }

    Task<IReadOnlyDictionary<UserId, SealedContent>> IDirectory.ProfilesAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}
