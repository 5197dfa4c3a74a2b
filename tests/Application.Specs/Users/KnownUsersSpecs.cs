using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Users;

public sealed class KnownUsersSpecs : IUsers
{
    private static readonly UserId Ann = new(Guid.CreateVersion7());

    private readonly KnownUsers _known;
    private bool _exists = true;
    private int _reads;
    private Action _whileReading = () => { };

    public KnownUsersSpecs() => _known = new KnownUsers(this);

    [Fact]
    public async Task A_known_user_is_not_queried_again()
    {
        Assert.True(await _known.ExistsAsync(Ann, default));
        Assert.True(await _known.ExistsAsync(Ann, default));
        Assert.Equal(1, _reads);
    }

    [Fact]
    public async Task A_forgotten_user_is_queried_again()
    {
        await _known.ExistsAsync(Ann, default);
        _exists = false;

        _known.Forget(Ann);
        Assert.False(await _known.ExistsAsync(Ann, default));

        _exists = true;
        await _known.ExistsAsync(Ann, default);
        _exists = false;
        _known.ForgetAll();
        Assert.False(await _known.ExistsAsync(Ann, default));
    }

    [Fact]
    public async Task A_result_read_during_an_erasure_is_not_cached()
    {
        _whileReading = () => _known.Forget(Ann);
        Assert.True(await _known.ExistsAsync(Ann, default)); // The answer from before the erasure.

        (_exists, _whileReading) = (false, () => { });

        Assert.False(await _known.ExistsAsync(Ann, default));
    }

    Task<bool> IUsers.ExistsAsync(UserId user, CancellationToken cancellationToken)
    {
        _reads++;
        _whileReading();
        return Task.FromResult(_exists);
    }
}
