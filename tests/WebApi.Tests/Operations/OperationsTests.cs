using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Accounts;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Operations;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using OpenTelemetry.Exporter;

namespace ChatCqrs.WebApi.Tests.Operations;

public sealed class OperationsTests(ChatServer server) : IClassFixture<ChatServer>
{
    private const string Secret = "b4n4n4-s3cr3t";

    [Fact]
    public async Task Health_tells_what_was_checked()
    {
        (await server.GetAsync("/health/live")).Is(200);
        await Eventually.IsTrue(
            async () => (await server.GetAsync("/health/ready")).Is(200).Text("status") == "healthy",
            "the read side has a leader");
        var ready = (await server.GetAsync("/health/ready")).Is(200);

        Assert.InRange(ready["lag_seconds"].GetDouble(), 0, 30);
        Assert.Empty(ready["warnings"].EnumerateArray());
        Assert.Equal(
            ["clock", "log", "process", "read_side", "signed_logs"],
            ready["checks"].EnumerateObject().Select(check => check.Name).Order());
    }

    [Fact]
    public async Task A_process_that_goes_away_is_unhealthy_from_the_first_moment_on()
    {
        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        var check = new GoingAwayCheck(lifetime);
        Assert.Equal(HealthStatus.Healthy, (await check.CheckHealthAsync(new(), CancellationToken.None)).Status);
        var whileSocketsAreTold = HealthStatus.Healthy;
        lifetime.ApplicationStopping.Register(
            () => whileSocketsAreTold = check.CheckHealthAsync(new(), CancellationToken.None).Result.Status);

        lifetime.StopApplication();

        Assert.Equal(HealthStatus.Unhealthy, whileSocketsAreTold);
    }

    [Fact]
    public async Task A_log_out_of_reach_is_unhealthy_without_saying_where_it_is()
    {
        var store = new InMemoryEventStore();
        var clock = new ManualClock();
        var check = new LogCheck(store, Options.Create(new HealthOptions()), clock);
        Assert.Equal(HealthStatus.Healthy, (await check.CheckHealthAsync(new(), CancellationToken.None)).Status);

        store.Reachable = false;
        var shared = await check.CheckHealthAsync(new(), CancellationToken.None);
        Assert.Equal(HealthStatus.Healthy, shared.Status); // The result of a moment ago.
        clock.Advance(TimeSpan.FromSeconds(1));
        var found = await check.CheckHealthAsync(new(), CancellationToken.None);

        Assert.Equal(HealthStatus.Unhealthy, found.Status);
        Assert.Null(found.Exception);
    }

    [Fact]
    public async Task However_many_ask_for_the_health_at_once_it_is_looked_at_once()
    {
        var (looks, looking) = (0, new TaskCompletionSource<HealthCheckResult>());
        var probe = new Probe(Eventually.Deadline, TimeProvider.System, _ =>
        {
            Interlocked.Increment(ref looks);
            return looking.Task;
        });
        using var impatient = new CancellationTokenSource();
        var gone = probe.AskAsync(impatient.Token);
        var asked = Enumerable.Range(0, 100).Select(_ => probe.AskAsync(CancellationToken.None)).ToList();

        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        looking.SetResult(HealthCheckResult.Healthy());

        Assert.All(await Task.WhenAll(asked), found => Assert.Equal(HealthStatus.Healthy, found.Status));
        Assert.Equal(1, looks);
    }

    [Theory]
    [InlineData("running", 0.5, HealthStatus.Healthy)]
    [InlineData("rebuilding", 0.5, HealthStatus.Healthy)]
    [InlineData("running", 31, HealthStatus.Degraded)]
    [InlineData("waiting", 0, HealthStatus.Degraded)]
    [InlineData("stopped", 31, HealthStatus.Degraded)]
    public void The_read_side_is_healthy_when_it_is_led_and_near_and_else_degraded(string state, double lag, HealthStatus expected)
    {
        ProjectionState[] states =
        [
            new("timeline", LogPosition.Start, 0, "running", null), new("inbox", LogPosition.Start, lag, state, null),
        ];

        var judged = ReadSideCheck.Judge(states, lagMax: 30);

        Assert.Equal(expected, judged.Status);
        Assert.Equal(lag, judged.Data[HealthConventions.LagSeconds]);
    }

    [Fact]
    public async Task A_node_stays_ready_and_takes_messages_while_nobody_folds_the_views()
    {
        var held = new ChatServer();
        await held.InitializeAsync();
        var (ann, ben) = (await held.SignInAsync(), await held.SignInAsync());
        await held.Services.GetServices<IHostedService>()
            .Single(service => service.GetType().Name == "ProjectionRunner").StopAsync(CancellationToken.None);
        await using (var silent = held.Database.CreateCommand(
            "UPDATE checkpoints SET updated_at = now() - interval '1 minute'"))
            await silent.ExecuteNonQueryAsync();

        Answer? ready = null;
        await Eventually.IsTrue(
            async () => (ready = await held.GetAsync("/health/ready")).Text("status") == "degraded",
            "the read side is found to be without a leader");
        ready!.Is(200);
        Assert.Equal("degraded", ready["checks"].GetProperty("read_side").GetProperty("status").GetString());
        (await held.PostAsync(
            "/v1/messages",
            new { message_id = Guid.CreateVersion7(), receiver_id = ben.User, type = "text", text = Secret },
            ann.Access)).Is(201);
        await Eventually.IsTrue(
            async () => (await held.GetAsync("/health/ready")).Is(200)["lag_seconds"].GetDouble() > 30,
            "the lag shows");
        await held.DisposeAsync();
    }

    [Fact]
    public async Task Metrics_and_traces_follow_a_message_without_its_content()
    {
        var spans = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Telemetry.Name,
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                lock (spans)
                    spans.Add(span);
            },
        };
        ActivitySource.AddActivityListener(listener);
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var socket = await server.ConnectAsync(ben.Access);
        await socket.ReceiveAsync(new byte[4096].AsMemory(), Eventually.Cancelled());

        (await server.PostAsync(
            "/v1/messages",
            new { message_id = Guid.CreateVersion7(), receiver_id = ben.User, type = "text", text = Secret },
            ann.Access)).Is(201);

        await Eventually.IsTrue(
            () => WholeWay() is not null, "the message is in the log, at the sockets and in the views");
        lock (spans)
        {
            var use = WholeWay()!;
            Assert.Contains(
                spans,
                span => span.DisplayName.StartsWith("POST /v1/messages", StringComparison.Ordinal)
                    && span.SpanId == use.ParentSpanId);
            Assert.All(
                spans.Where(span => span.ParentSpanId == use.SpanId),
                span => Assert.True(span.StartTimeUtc >= use.StartTimeUtc));
            Assert.DoesNotContain(
                spans, span => span.TagObjects.Any(tag => $"{tag.Value}".Contains(Secret, StringComparison.Ordinal)));
        }

        var metrics = await server.Http.GetStringAsync("/metrics");
        Assert.Contains("http_server_request_duration_seconds_bucket", metrics, StringComparison.Ordinal);
        Assert.Contains("chat_use_case_duration_seconds_bucket", metrics, StringComparison.Ordinal);
        Assert.Contains("use_case=\"SendMessage\"", metrics, StringComparison.Ordinal);
        Assert.Contains("chat_append_duration", metrics, StringComparison.Ordinal);
        Assert.Contains("chat_projection_lag", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, metrics, StringComparison.Ordinal);

        // Other tests send messages at the same time, and not all of them go to a socket.
        Activity? WholeWay()
        {
            lock (spans)
            {
                return spans.Find(use => use.OperationName == "SendMessage"
                    && spans.Where(span => span.ParentSpanId == use.SpanId)
                        .Select(span => span.DisplayName).ToHashSet().IsSupersetOf(["append", "deliver", "project"]));
            }
        }
    }

    [Fact]
    public async Task However_many_scrape_at_once_it_is_measured_once_a_second()
    {
        var looks = 0;
        using var meter = new Meter(Telemetry.Name);
        meter.CreateObservableGauge("chat.test.looks", () => Interlocked.Increment(ref looks));
        await Eventually.IsTrue(
            async () => (await server.Http.GetStringAsync("/metrics")).Contains("chat_test_looks"),
            "the scrape before has ended");

        var scrapes = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => server.Http.GetStringAsync("/metrics")));

        var seen = scrapes.SelectMany(scrape => scrape.Split('\n'))
            .Where(line => line.StartsWith("chat_test_looks", StringComparison.Ordinal)).Distinct().ToList();
        Assert.InRange(seen.Count, 1, 3); // A second may have ended meanwhile.
        Assert.Equal(
            1000,
            server.Services.GetRequiredService<IOptionsMonitor<PrometheusAspNetCoreOptions>>()
                .Get(Options.DefaultName).ScrapeResponseCacheDurationMilliseconds);
    }

    [Fact]
    public async Task An_admin_sees_and_rebuilds_projections()
    {
        var admin = await server.SignInAsync(AccountsRegistration.DevelopmentAdmin);

        var shown = (await server.GetAsync("/v1/admin/projections", admin.Access))
            .Is(200)["projections"].EnumerateArray().ToList();
        Assert.NotEmpty(shown);
        Assert.All(shown, projection => Assert.Equal(
            ["name", "position", "lag", "state", "detail"],
            projection.EnumerateObject().Select(member => member.Name)));
        var answer = (await server.GetAsync("/v1/admin/projections", admin.Access)).Is(200);
        Assert.Equal(0, answer["set_aside_streams"].GetInt64());
        Assert.Empty(answer["set_aside"].EnumerateArray());

        var name = shown[0].GetProperty("name").GetString();
        (await server.PostAsync($"/v1/admin/projections/{name}/rebuild", null, admin.Access)).Is(202);
        await Eventually.IsTrue(
            async () => (await server.GetAsync("/v1/admin/projections", admin.Access))["projections"].EnumerateArray()
                .Single(projection => projection.GetProperty("name").GetString() == name)
                .GetProperty("state").GetString() == "running",
            "the projection is rebuilt");
        (await server.PostAsync("/v1/admin/projections/no-such-thing/rebuild", null, admin.Access))
            .IsProblem(404, "projection_unknown");
    }

    [Fact]
    public void Methods_that_are_none_make_no_series()
    {
        Assert.Equal("GET", RequestTracing.MethodOf("GET"));
        Assert.Equal("_OTHER", RequestTracing.MethodOf("BREW"));
    }
}
