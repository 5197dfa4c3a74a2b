using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>The nightly comparison of batches with the event log, as the clock runs it.</summary>
public sealed class VerifyLogTests : IAsyncLifetime
{
    private readonly AuditServer _server = new();
    private string _token = "";
    private int _before; // Results of the clock's own run.

    public Task InitializeAsync() => _server.InitializeAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_night_is_recorded_once_and_a_changed_event_is_named()
    {
        await using var clock = await HeldClockAsync();
        var log = _server.Services.GetRequiredService<ILogVerification>();
        await PublishedAsync();
        var conversation = await PublishedAsync(); // So that there are two batches.

        var batches = await VerifyAsync();
        var first = Assert.Single(await ResultsAsync());
        Assert.Equal((1, batches, 0), (first.FirstBatch, first.LastBatch, first.Differing.Count));
        Assert.Equal(0, await VerifyAsync()); // Not before the next night.
        Assert.Single(await ResultsAsync());

        await ExecuteAsync(
            """
            UPDATE chat.log_events SET payload = '{}' WHERE revision = 0 AND stream_key = (
                SELECT key FROM chat.log_streams WHERE name = $1)
            """,
            $"conversation-{conversation}");
        var last = (await log.LastAsync(default))!;
        Assert.True(last.IsFinished);
        await log.SaveAsync(last with { StartedAt = last.StartedAt.AddDays(-1) }, default);
        Assert.NotEqual(0, await VerifyAsync());
        var second = (await ResultsAsync())[1];
        Assert.Equal(1, second.FirstBatch);
        Assert.Single(second.Differing);
        Assert.Equal(second.Differing, (await log.LastAsync(default))!.Differing);

        // A node was killed after the differing batch: the run goes on there, and still names it.
        last = (await log.LastAsync(default))!;
        await log.SaveAsync(last with { IsFinished = false, Checked = second.Differing[0] }, default);
        Assert.Equal(last.Through - second.Differing[0], await VerifyAsync());
        Assert.Equal(second.Differing, (await ResultsAsync())[2].Differing);

        // A night that was too short: the next one goes on after it.
        last = (await log.LastAsync(default))!;
        await log.SaveAsync(last with { StartedAt = last.StartedAt.AddDays(-1), Checked = 1 }, default);
        await VerifyAsync();
        Assert.Equal(2, (await ResultsAsync())[3].FirstBatch);
    }

    /// <summary>The lock of the job, so that the clock does not send the command meanwhile.</summary>
    private async Task<NpgsqlConnection> HeldClockAsync()
    {
        var session = await _server.Database.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(
            "SELECT pg_advisory_lock(hashtext('chatcqrs-job'), hashtext('verify-log'))", session);
        await command.ExecuteNonQueryAsync();
        await using var forget = new NpgsqlCommand("DELETE FROM chat.audit_verification", session);
        await forget.ExecuteNonQueryAsync();
        _before = (await AllResultsAsync()).Count;
        return session;
    }

    private async Task<int> VerifyAsync() =>
        (await _server.Services.GetRequiredService<IMediator>().Send(new VerifyLog.Command())).Batches;

    private async Task<List<AuditEvent.LogVerified>> ResultsAsync() => (await AllResultsAsync())[_before..];

    private async Task<List<AuditEvent.LogVerified>> AllResultsAsync()
    {
        var (store, codec) = (
            _server.Services.GetRequiredService<IEventStore>(), _server.Services.GetRequiredService<IEventCodec>());
        var events = await store.ReadStreamAsync(StreamName.Audit, 0, ReadDirection.Forwards, 100, default);
        return [.. events.Select(stored => codec.Decode(stored).Event).OfType<AuditEvent.LogVerified>()];
    }

    /// <summary>A new conversation, once a published batch has it.</summary>
    private async Task<string> PublishedAsync()
    {
        var conversation = await SentAsync();
        await Eventually.IsTrue(
            async () => await ProofStatusAsync(conversation) == 200, "a published batch has the conversation");
        return conversation;
    }

    private async Task<string> SentAsync()
    {
        var (ann, ben) = (await _server.SignInAsync(), await _server.SignInAsync());
        _token = ann.Access;
        return (await _server.PostAsync(
            "/v1/messages", new { message_id = Guid.NewGuid(), receiver_id = ben.User, type = "text", text = "hello" },
            ann.Access)).Is(201).Text("conversation_id");
    }

    private async Task<int> ProofStatusAsync(string conversation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/conversations/{conversation}/proof");
        request.Headers.Authorization = new("Bearer", _token);
        return (int)(await _server.Http.SendAsync(request)).StatusCode;
    }

    private async Task ExecuteAsync(string sql, string parameter)
    {
        await using var command = _server.Database.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }
}
