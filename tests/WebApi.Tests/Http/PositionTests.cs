using System.Net.Http.Headers;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ChatCqrs.WebApi.Tests.Http;

public sealed class PositionTests(SharedServer server) : IClassFixture<SharedServer>
{
    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL)]
    [InlineData(4711UL)]
    [InlineData(ulong.MaxValue)]
    public void A_token_is_read_as_what_was_written(ulong position) =>
        Assert.Equal(new LogPosition(position), PositionToken.Parse(PositionToken.Format(new LogPosition(position))));

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("rubbish")]
    [InlineData("AAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAA=")]
    [InlineData("AAAAAAAAAAA AAAA")]
    [InlineData("ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ")]
    public void Rubbish_is_no_token(string token) => Assert.Null(PositionToken.Parse(token));

    [Fact]
    public void A_token_in_which_one_character_is_another_is_none()
    {
        var token = PositionToken.Format(new LogPosition(4711));
        for (var i = 0; i < token.Length; i++)
            Assert.Null(PositionToken.Parse(token[..i] + (token[i] == 'B' ? 'C' : 'B') + token[(i + 1)..]));
    }

    [Fact]
    public async Task A_read_with_a_commands_position_includes_its_write()
    {
        var ann = await server.SignInAsync();
        var ben = await server.SignInAsync();
        for (var i = 1; i <= 20; i++)
        {
            var sent = (await server.PostAsync(
                "/v1/messages",
                new { message_id = Guid.CreateVersion7(), receiver_id = ben.User, type = "text", text = "hello" },
                ann.Access)).Is(201);

            var inbox = await server.GetFromAsync(
                "/v1/conversations", ben.Access, sent.Headers.GetValues(PositionToken.AnswerHeader).Single());

            Assert.Equal(i, inbox.Is(200)["conversations"][0].GetProperty("last_seq").GetInt64());
        }
    }

    [Theory]
    [InlineData("rubbish")]
    [InlineData("0")]
    [InlineData("AAAAAAAAAAAAAAAA")]
    public async Task A_position_that_is_none_is_refused(string position)
    {
        var ann = await server.SignInAsync();

        (await server.GetFromAsync("/v1/conversations", ann.Access, position)).IsProblem(400, "invalid_position");
    }

    [Fact]
    public async Task Every_command_answers_with_its_position()
    {
        var ann = await server.SignInAsync();
        var ben = await server.SignInAsync();
        var started = await server.PostAsync(
            "/v1/conversations", new { type = "direct", member_ids = new[] { ben.User } }, ann.Access);
        var conversation = started.Is(201).Text("conversation_id");

        Assert.All(
            new[]
            {
                started,
                await server.StartAsync(AccountCalls.NewPhone()),
                await server.RefreshAsync(ben.Refresh),
                await server.PostAsync($"/v1/conversations/{conversation}/receipts", new { read_seq = 0 }, ann.Access),
            },
            answer => Assert.NotNull(
                PositionToken.Parse(answer.Headers.GetValues(PositionToken.AnswerHeader).Single())));
    }
}

/// <summary>A server that waits only shortly for a position.</summary>
public sealed class ImpatientServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Reads:PositionWait", "00:00:00.3")];
}

public sealed class PositionWaitTests(ImpatientServer server) : IClassFixture<ImpatientServer>
{
    [Fact]
    public async Task A_position_that_is_not_reached_in_time_is_refused_for_now()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        await server.Services.GetServices<IHostedService>()
            .Single(service => service.GetType().Name == "ProjectionRunner").StopAsync(CancellationToken.None);
        var started = await server.PostAsync(
            "/v1/conversations", new { type = "direct", member_ids = new[] { ben.User } }, ann.Access);
        var position = started.Is(201).Headers.GetValues(PositionToken.AnswerHeader).Single();

        var answer = await server.GetFromAsync("/v1/conversations", ann.Access, position);

        answer.IsProblem(503, "read_models_behind");
        Assert.NotNull(answer.Headers.RetryAfter);
    }
}

internal static class PositionCalls
{
    /// <summary>Sends a GET with <c>Chat-Min-Position</c>.</summary>
    public static async Task<Answer> GetFromAsync(this ChatServer server, string path, string token, string position)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Add(PositionToken.RequestHeader, position);
        return await server.SendAsync(request);
    }
}
