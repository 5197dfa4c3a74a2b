using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using FluentValidation;
using FluentValidation.Results;
using Microsoft.AspNetCore.Http;

namespace ChatCqrs.WebApi.Tests.Http;

public sealed class ProblemsTests
{
    private const string Secret = "what somebody wrote";

    public static TheoryData<string, int> Kinds => new()
    {
        { nameof(RefusalKind.Invalid), 400 }, { nameof(RefusalKind.Unauthenticated), 401 },
        { nameof(RefusalKind.Forbidden), 403 },
        { nameof(RefusalKind.Unknown), 404 }, { nameof(RefusalKind.Conflict), 409 }, { nameof(RefusalKind.Gone), 410 },
        { nameof(RefusalKind.TooLarge), 413 }, { nameof(RefusalKind.Unsupported), 415 },
        { nameof(RefusalKind.Outdated), 412 },
        { nameof(RefusalKind.Locked), 423 }, { nameof(RefusalKind.Corrupted), 460 },
        { nameof(RefusalKind.TooMany), 429 }, { nameof(RefusalKind.Unavailable), 503 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_refusal_has_the_status_of_its_kind(string kind, int status)
    {
        var problem = Problems.Of(
            new RefusedException(new Refusal(Enum.Parse<RefusalKind>(kind), "some_code", "Some detail.")));

        Assert.Equal(
            (status, "some_code", "Some detail.", "urn:chatcqrs:problem:some_code"),
            (problem.Status, problem.Code, problem.Detail, problem.Type));
        Assert.Equal(status is 429 or 503, problem.RetryAfter is not null);
    }

    [Fact]
    public void Every_kind_of_refusal_has_a_status() => Assert.Equal(
        Enum.GetNames<RefusalKind>().Order(StringComparer.Ordinal),
        Kinds.Select(row => (string)row[0]).Order(StringComparer.Ordinal));

    [Fact]
    public void A_refusal_says_when_to_try_again() => Assert.Equal(
        TimeSpan.FromSeconds(7),
        Problems.Of(new RefusedException(Refusal.RateLimited, TimeSpan.FromSeconds(7))).RetryAfter);

    [Fact]
    public void Failures_are_gathered_by_field()
    {
        var problem = Problems.Of(new ValidationException(
            [new("text", "is long."), new ValidationFailure("type", "is none."), new("text", "is odd.")]));

        Assert.Equal((400, "invalid"), (problem.Status, problem.Code));
        Assert.Equal(["is long.", "is odd."], problem.Errors!["text"]);
        Assert.Equal(["is none."], problem.Errors["type"]);
    }

    [Fact]
    public void A_store_that_is_away_is_worth_another_try()
    {
        var problem = Problems.Of(new StoreUnavailableException("10.0.0.1:5432 refused the connection"));

        Assert.Equal((503, "store_unavailable"), (problem.Status, problem.Code));
        Assert.NotNull(problem.RetryAfter);
        Assert.DoesNotContain("10.0.0.1", Text(problem), StringComparison.Ordinal);
    }

    [Fact]
    public void A_bug_reveals_nothing_about_itself()
    {
        var problem = Problems.Of(new InvalidOperationException(Secret));

        Assert.Equal((500, "internal_error"), (problem.Status, problem.Code));
        Assert.DoesNotContain(Secret, Text(problem), StringComparison.Ordinal);
    }

    [Fact]
    public void A_fault_in_JSON_is_named_by_its_path_only()
    {
        var problem = Problems.Of(
            new BadHttpRequestException(Secret, new JsonException(Secret, "$.device.name", 0, 0)));

        Assert.Equal((400, "malformed_json"), (problem.Status, problem.Code));
        Assert.Equal(["device.name"], problem.Errors!.Keys);
        Assert.DoesNotContain(Secret, Text(problem), StringComparison.Ordinal);
    }

    [Fact]
    public void Its_JSON_is_that_of_RFC_9457()
    {
        var json = JsonDocument.Parse(
            Problems.Of(Refusal.MessageIdReused, "0af7651916cd43dd8448eb211c80319c").ToBytes()).RootElement;

        Assert.Equal(
            ["type", "title", "status", "detail", "code", "trace_id"],
            json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("Conflict", json.GetProperty("title").GetString());
    }

    private static string Text(Problem problem) => System.Text.Encoding.UTF8.GetString(problem.ToBytes());
}
