using ChatCqrs.Acceptance;

namespace ChatCqrs.Client.Acceptance;

/// <content>Devices of one person.</content>
public sealed partial class ContractSpecs
{
    [Fact]
    public async Task Two_processes_on_one_folder_of_tokens_refresh_them_in_turn()
    {
        var folder = Directory.CreateTempSubdirectory("chatcqrs-client-");
        try
        {
            await using var one = await Party.JoinAsync(server.Address, "Ada", new FileStorage(folder.FullName));
            await using var two = await Party.JoinAsync(server.Address, "Ada", new FileStorage(folder.FullName));
            Assert.Equal(one.Client.Account, two.Client.Account);
            for (var turn = 0; turn < 10; turn++)
            {
                var tokens = await Task.WhenAll(
                    new[] { one, two }.SelectMany(party => Enumerable.Repeat(party.Client, 3)).Select(async client =>
                    {
                        var stale = await client.Parts.Rest.Tokens.GetAsync(CancellationToken.None);
                        return await client.Parts.Rest.Tokens.RefreshAsync(stale, CancellationToken.None);
                    })).WaitAsync(Eventually.Deadline);
                Assert.All(tokens, Assert.NotEmpty);
            }

            await one.Client.MeAsync();
            await two.Client.MeAsync();
            Assert.Equal(ClientStatus.Live, two.Client.State.Status);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_device_that_is_removed_is_signed_out_on_both_sides_and_at_once()
    {
        await using var phone = await Party.JoinAsync(server.Address, "Ada");
        await using var laptop = await Party.JoinAsync(server.Address, "Ada", phone: phone.Phone);
        Assert.Equal(phone.Id, laptop.Id);

        await phone.Client.RemoveDeviceAsync(laptop.Client.Account!.DeviceId);

        await laptop.UntilAsync(party => party.Client.State.Status == ClientStatus.SignedOut);
        Assert.False(await laptop.Client.IsSignedInAsync());
        await laptop.UntilAsync(party => party.Statuses[^1] == ClientStatus.SignedOut);
        Assert.Equal( // The close code alone decides nothing: one exchange of tokens does, without a wait before it.
            [ClientStatus.Live, ClientStatus.Connecting, ClientStatus.SignedOut], laptop.Statuses.TakeLast(3));
        await phone.Client.SignOutAsync();
        Assert.Equal(ClientStatus.SignedOut, phone.Client.State.Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_device_that_is_removed_while_it_is_away_is_signed_out_by_what_it_does_next(bool connects)
    {
        await using var phone = await Party.JoinAsync(server.Address, "Ada");
        await using var laptop = await Party.JoinAsync(server.Address, "Ada", phone: phone.Phone);
        await laptop.Client.CloseAsync();
        await phone.Client.RemoveDeviceAsync(laptop.Client.Account!.DeviceId);

        var next = connects ? laptop.Client.ConnectAsync() : laptop.Client.MeAsync();

        var refused = await Assert.ThrowsAsync<ChatException>(() => next.WaitAsync(Eventually.Deadline));
        Assert.Equal(ErrorCode.SignedOut, refused.Code);
        Assert.Equal(ClientStatus.SignedOut, laptop.Client.State.Status);
        Assert.False(await laptop.Client.IsSignedInAsync());
    }

    [Fact]
    public async Task A_device_that_shows_a_link_is_signed_in_by_one_that_approves_it_and_the_others_are_told()
    {
        await using var phone = await Party.JoinAsync(server.Address, "Ada");
        await using var tablet = await Party.JoinAsync(server.Address, "Ada", phone: phone.Phone);
        await using var ben = await Party.JoinAsync(server.Address, "Ben");
        var talk = await StartAsync(phone, ben);
        string? scanned = null;

        await using var laptop = await Party.LinkAsync(phone, server.Address, "Ada's laptop", async link =>
        {
            scanned = link;
            var request = await phone.Client.ReadLinkAsync(link);
            Assert.Equal(("Ada's laptop", "desktop"), (request.Device.Name, request.Device.Platform));
            await phone.Client.ApproveLinkAsync(link);
        });

        Assert.Equal(phone.Id, laptop.Id);
        foreach (var party in new[] { phone, tablet })
            await party.UntilAsync(told => told.Seen.OfType<AccountChanged>().Any(e => e.Kind == "device_added"
                && e.Data.GetProperty("device").GetProperty("device_id").GetGuid()
                    == laptop.Client.Account!.DeviceId));
        Assert.All(new[] { phone, tablet, laptop }, party =>
            Assert.Equal(ClientStatus.Live, party.Client.State.Status));
        Assert.Contains(await phone.Client.DevicesAsync(), device => device.Name == "Ada's laptop");

        var sent = await laptop.Client.Conversation(talk).SendAsync("from the laptop");
        await sent.Acked.WaitAsync(Eventually.Deadline);
        await ben.Client.Conversation(talk).SendAsync("to all of them");
        foreach (var party in new[] { phone, tablet, laptop, ben })
            await party.UntilAsync(one => one.Messages(talk).Select(message => message.Text)
                .SequenceEqual(new[] { "from the laptop", "to all of them" }));
        var settled = await Assert.ThrowsAsync<ChatException>(() => tablet.Client.ApproveLinkAsync(scanned!));
        Assert.Equal(ErrorCode.LinkSettled, settled.Code);
    }

    [Fact]
    public async Task A_link_that_is_refused_signs_nobody_in()
    {
        await using var phone = await Party.JoinAsync(server.Address, "Ada");

        var refused = await Assert.ThrowsAsync<ChatException>(() =>
            Party.LinkAsync(phone, server.Address, "somebody's laptop", link => phone.Client.RefuseLinkAsync(link)));

        Assert.Equal(ErrorCode.LinkRefused, refused.Code);
        Assert.Single(await phone.Client.DevicesAsync());
    }
}
