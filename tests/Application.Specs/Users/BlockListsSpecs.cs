using System.Collections.Immutable;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Users;

public sealed class BlockListsSpecs
{
    private static readonly UserId Ann = new(Guid.CreateVersion7());
    private static readonly UserId Ben = new(Guid.CreateVersion7());

    private readonly BlockLists _lists;
    private ImmutableHashSet<UserId> _annsBlocks = [];
    private int _reads;
    private Func<Task> _whileReading = () => Task.CompletedTask;

    public BlockListsSpecs() => _lists = new BlockLists(async (user, _) =>
    {
        _reads++;
        var blocks = user == Ann ? _annsBlocks : [];
        await _whileReading();
        return blocks;
    });

    [Fact]
    public async Task A_list_is_read_once()
    {
        _annsBlocks = [Ben];

        Assert.True(await _lists.HasBlockedAsync(Ann, Ben, default));
        Assert.True(await _lists.HasBlockedAsync(Ann, Ben, default));
        Assert.False(await _lists.HasBlockedAsync(Ann, Ann, default));
        Assert.Equal(1, _reads);
    }

    [Fact]
    public async Task Whichever_blocks_the_two_are_apart()
    {
        _annsBlocks = [Ben];

        Assert.True(await _lists.AreApartAsync(Ann, Ben, default));
        Assert.True(await _lists.AreApartAsync(Ben, Ann, default));
        Assert.False(await _lists.HasBlockedAsync(Ben, Ann, default));
    }

    [Fact]
    public async Task Of_many_those_who_have_blocked_somebody_are_found()
    {
        _annsBlocks = [Ben];
        UserId[] others = [.. Enumerable.Range(0, 40).Select(_ => new UserId(Guid.CreateVersion7()))];

        Assert.Equal([Ann], await _lists.WhoHasBlockedAsync([.. others, Ann, Ben], Ben, default));
        Assert.Empty(await _lists.WhoHasBlockedAsync([.. others, Ben], Ann, default));
        Assert.Empty(await _lists.WhoHasBlockedAsync([], Ann, default));
    }

    [Fact]
    public async Task A_forgotten_list_is_read_again()
    {
        Assert.False(await _lists.HasBlockedAsync(Ann, Ben, default));

        _annsBlocks = [Ben];
        _lists.Forget(Ann);
        Assert.True(await _lists.HasBlockedAsync(Ann, Ben, default));

        _annsBlocks = [];
        _lists.ForgetAll();
        Assert.False(await _lists.HasBlockedAsync(Ann, Ben, default));
    }

    [Fact]
    public async Task A_list_that_changed_during_the_read_is_not_cached()
    {
        _whileReading = () =>
        {
            _annsBlocks = [Ben];
            _lists.Forget(Ann);
            return Task.CompletedTask;
        };
        Assert.False(await _lists.HasBlockedAsync(Ann, Ben, default));

        _whileReading = () => Task.CompletedTask;
        Assert.True(await _lists.HasBlockedAsync(Ann, Ben, default));
    }

    /// <summary>Repeats the race, because its timing varies.</summary>
    [Fact]
    public async Task A_list_that_changed_right_after_the_read_is_not_cached()
    {
        const int rounds = 50_000;
        using var together = new Barrier(2);
        var wrong = 0;
        var blocking = new Thread(() =>
        {
            for (var round = 0; round < rounds; round++)
            {
                together.SignalAndWait();
                _annsBlocks = [Ben];
                _lists.Forget(Ann);
                together.SignalAndWait();
            }
        });
        blocking.Start();
        for (var round = 0; round < rounds; round++)
        {
            _annsBlocks = [];
            _lists.Forget(Ann);
            together.SignalAndWait();
            _ = _lists.HasBlockedAsync(Ann, Ben, default);
            together.SignalAndWait();
            if (!await _lists.HasBlockedAsync(Ann, Ben, default))
                wrong++;
        }

        blocking.Join();
        Assert.Equal(0, wrong);
    }
}
