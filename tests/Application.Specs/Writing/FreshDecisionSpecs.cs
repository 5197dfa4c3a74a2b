using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>"Nothing to do" is answered only by a state that was read after the request arrived.</summary>
public sealed class FreshDecisionSpecs : WriterSpecs
{
    private static readonly ConversationId Group = new(Guid.CreateVersion7());

    [Fact]
    public async Task A_member_whom_another_node_removed_is_added_again()
    {
        var (one, other) = await StartAsync();
        await one.ChangeAsync(Group, Ann, new ConversationCommand.RemoveMember(Ann, Ben));

        var added = await other.ChangeAsync(Group, Ann, new ConversationCommand.AddMembers(Ann, [Ben], 10));

        Assert.True(added.Happened);
        Assert.IsType<ConversationEvent.MemberAdded>((await EntriesAsync(Group))[^1].Event);
    }

    [Fact]
    public async Task A_role_that_another_node_took_away_is_given_again()
    {
        var (one, other) = await StartAsync();
        await one.ChangeAsync(Group, Ann, new ConversationCommand.ChangeRole(Ann, Ben, Role.Admin));
        await other.Writer.PeekAsync(Group, default);
        other.Writer.Notice(Group, 1, 1, isWatched: true);
        await one.ChangeAsync(Group, Ann, new ConversationCommand.ChangeRole(Ann, Ben, Role.Member));

        await other.ChangeAsync(Group, Ann, new ConversationCommand.ChangeRole(Ann, Ben, Role.Admin));

        Assert.Equal(Role.Admin, (await other.Writer.PeekAsync(Group, default)).Members[Ben].Role);
        Assert.Equal(4, (await EntriesAsync(Group)).Count);
    }

    /// <summary>A group of Ann and Ben that both nodes have in memory.</summary>
    private async Task<(WriterNode One, WriterNode Other)> StartAsync()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        var title = new GroupTitle(new SealedContent(null, new byte[1]), Ann);
        await one.ChangeAsync(Group, Ann, new ConversationCommand.StartGroup(Ann, [Ben], title, 10));
        await other.Writer.PeekAsync(Group, default);
        return (one, other);
    }
}
