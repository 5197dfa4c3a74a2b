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
    public async Task Who_is_known_to_exist_is_not_asked_for_again()
    {
        Assert.True(await _known.ExistsAsync(Ann, default));
        Assert.True(await _known.ExistsAsync(Ann, default));
        Assert.Equal(1, _reads);
    }

    [Fact]
    public async Task Who_is_forgotten_is_asked_for_again()
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
    public async Task What_was_read_while_somebody_was_erased_is_not_remembered()
    {
        _whileReading = () => _known.Forget(Ann);
        Assert.True(await _known.ExistsAsync(Ann, default)); // As it was just before.

        (_exists, _whileReading) = (false, () => { });

        Assert.False(await _known.ExistsAsync(Ann, default));
    }

    Task<bool> IUsers.ExistsAsync(UserId user, CancellationToken cancellationToken)
    {
        _reads++;
        _whileReading();
        return Task.FromResult(_exists);
    }

    Task<UserId?> IUsers.FindByPhoneAsync(string phone, CancellationToken cancellationToken) => throw new NotSupportedException();

    Task<IReadOnlyDictionary<string, UserId>> IUsers.FindByPhonesAsync(IReadOnlyCollection<string> phones, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}
