using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using static ChatCqrs.WebApi.Tests.Accounts.AccountCalls;

namespace ChatCqrs.WebApi.Tests.Accounts;

public sealed partial class RegistrationTests(SharedServer server) : IClassFixture<SharedServer>
{
    [Fact]
    public async Task A_registration_answers_with_its_id_its_end_and_in_Development_the_code()
    {
        var started = (await server.StartAsync(NewPhone(), "Ann")).Is(202);

        Assert.True(Guid.TryParse(started.Text("registration_id"), out _));
        Assert.Matches(Timestamp(), started.Text("expires_at"));
        Assert.InRange(
            DateTimeOffset.Parse(started.Text("expires_at")) - DateTimeOffset.UtcNow, TimeSpan.FromMinutes(9),
            TimeSpan.FromMinutes(10));
        Assert.Matches("^[0-9]{6}$", started.Text("code"));
        Assert.True(started.Headers.Contains("Chat-Position"));
    }

    [Fact]
    public async Task The_right_code_signs_the_device_in()
    {
        var started = await server.StartAsync(NewPhone(), "Ann");

        var verified = (await server.VerifyAsync(started.Text("registration_id"), started.Text("code"))).Is(200);

        Assert.Equal(
            ["user_id", "device_id", "access_token", "refresh_token", "expires_in"],
            verified.Body.EnumerateObject().Select(member => member.Name));
        Assert.Equal(900, verified["expires_in"].GetInt32());
        Assert.True(verified.Headers.Contains("Chat-Position"));
    }

    [Theory]
    [InlineData("12025550123")]
    [InlineData("+02025550123")]
    [InlineData("+123456")]
    [InlineData("+1234567890123456")]
    [InlineData("+1 202 555 0123")]
    [InlineData("+12025550123\n")]
    [InlineData("+1202555012\u0663")]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_phone_that_is_not_in_E164_form_is_refused(string? phone) =>
        (await server.StartAsync(phone!)).IsInvalid("phone");

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("Ann\0")]
    [InlineData("Ann\nBen")]
    public async Task A_name_is_one_line_that_is_not_blank(string name) =>
        (await server.StartAsync(NewPhone(), name)).IsInvalid("name");

    [Fact]
    public async Task A_name_has_at_most_a_hundred_characters()
    {
        (await server.StartAsync(NewPhone(), new string('n', 101))).IsInvalid("name");
        (await server.StartAsync(NewPhone(), new string('n', 100))).Is(202);
    }

    [Theory]
    [InlineData("", 400)]
    [InlineData("null", 400)]
    [InlineData("[]", 400)]
    [InlineData("{", 400)]
    [InlineData("""{"phone":12025550123}""", 400)]
    [InlineData("""{"phone":"+12025550123","phone":"+12025550124"}""", 400)]
    public async Task A_body_that_is_not_of_the_form_is_refused(string body, int status)
    {
        var answer = await server.PostAsync(
            "/v1/registrations", new StringContent(body, Encoding.UTF8, "application/json"));

        Assert.Equal((status, "application/problem+json"), (answer.Status, answer.MediaType));
    }

    [Fact]
    public async Task A_body_that_is_no_JSON_is_refused() => (await server.PostAsync(
        "/v1/registrations",
        new StringContent("phone=1", MediaTypeHeaderValue.Parse("application/x-www-form-urlencoded"))))
        .IsProblem(415, "unsupported_media_type");

    [Fact]
    public async Task A_wrong_code_is_refused()
    {
        var started = await server.StartAsync(NewPhone());

        (await server.VerifyAsync(started.Text("registration_id"), WrongFor(started.Text("code"))))
            .IsProblem(400, "wrong_code");
        (await server.VerifyAsync(started.Text("registration_id"), "rubbish")).IsProblem(400, "wrong_code");
        (await server.VerifyAsync(started.Text("registration_id"), started.Text("code"))).Is(200);
    }

    [Fact]
    public async Task Five_wrong_codes_burn_a_registration()
    {
        var started = await server.StartAsync(NewPhone());
        for (var i = 0; i < 5; i++)
            (await server.VerifyAsync(started.Text("registration_id"), WrongFor(started.Text("code"))))
                .IsProblem(400, "wrong_code");

        (await server.VerifyAsync(started.Text("registration_id"), started.Text("code")))
            .IsProblem(410, "registration_burnt");
        (await server.VerifyAsync(started.Text("registration_id"), WrongFor(started.Text("code"))))
            .IsProblem(410, "registration_burnt");
    }

    [Fact]
    public async Task Guesses_at_the_same_time_are_five_in_all()
    {
        var started = await server.StartAsync(NewPhone());

        var guesses = await Task.WhenAll(Enumerable.Range(0, 40)
            .Select(_ => server.VerifyAsync(started.Text("registration_id"), WrongFor(started.Text("code")))));

        Assert.Equal(5, guesses.Count(guess => guess.Status == 400));
        Assert.Equal(35, guesses.Count(guess => guess.Status == 410));
    }

    [Fact]
    public async Task A_registration_that_nobody_started_is_unknown()
    {
        (await server.VerifyAsync(Guid.NewGuid().ToString(), "000000")).IsProblem(404, "registration_unknown");
        (await server.VerifyAsync("none", "000000")).IsProblem(404, "registration_unknown");
    }

    [Fact]
    public async Task A_registration_that_has_expired_is_over()
    {
        var started = await server.StartAsync(NewPhone());
        await using (var command = server.Database.CreateCommand(
            "UPDATE chat.registrations SET expires_at = now() WHERE id = $1"))
        {
            command.Parameters.Add(new() { Value = Guid.Parse(started.Text("registration_id")) });
            await command.ExecuteNonQueryAsync();
        }

        (await server.VerifyAsync(started.Text("registration_id"), started.Text("code")))
            .IsProblem(410, "registration_burnt");
    }

    [Fact]
    public async Task A_registration_signs_one_device_in()
    {
        var started = await server.StartAsync(NewPhone());

        var answers = await Task.WhenAll(Enumerable.Range(0, 5)
            .Select(_ => server.VerifyAsync(started.Text("registration_id"), started.Text("code"))));

        Assert.All(answers, answer => Assert.Equal(answers[0].Is(200).Body.GetRawText(), answer.Body.GetRawText()));
        Assert.Equal([answers[0].Text("device_id")], await DevicesAsync(Tokens.Of(answers[0])));
        (await server.GetAsync("/v1/users/me", answers[^1].Text("access_token"))).Is(200);
    }

    [Fact]
    public async Task An_answer_that_was_lost_is_had_again_for_a_minute()
    {
        var started = await server.StartAsync(NewPhone());
        var first = (await VerifyAsync(started)).Is(200);

        var again = (await VerifyAsync(started)).Is(200);
        Assert.Equal(first.Body.GetRawText(), again.Body.GetRawText());
        Assert.Equal(first.Headers.GetValues("Chat-Position"), again.Headers.GetValues("Chat-Position"));

        await CompletedAsync(started, TimeSpan.FromSeconds(61));
        (await VerifyAsync(started)).IsProblem(410, "registration_burnt");
    }

    [Fact]
    public async Task Only_the_same_device_gets_the_answer_again()
    {
        var started = await server.StartAsync(NewPhone());
        (await VerifyAsync(started)).Is(200);

        (await server.VerifyAsync(started.Text("registration_id"), started.Text("code"), "Another phone"))
            .IsProblem(410, "registration_burnt");
        (await VerifyAsync(started)).Is(200);
    }

    [Fact]
    public async Task Two_devices_with_one_code_at_once_are_one_device()
    {
        var started = await server.StartAsync(NewPhone());

        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => server.VerifyAsync(
            started.Text("registration_id"), started.Text("code"), $"Device {i % 2}")));

        var (good, refused) = (answers.Where(each => each.Status == 200), answers.Where(each => each.Status != 200));
        Assert.Equal(3, good.Count());
        Assert.Single(good.Select(answer => answer.Body.GetRawText()).Distinct());
        Assert.All(refused, answer => answer.IsProblem(410, "registration_burnt"));
    }

    [Fact]
    public async Task An_answer_is_had_again_also_after_its_tokens_were_used()
    {
        var started = await server.StartAsync(NewPhone());
        var first = (await VerifyAsync(started)).Is(200);

        (await server.GetAsync("/v1/devices", first.Text("access_token"))).Is(200);
        Assert.Equal(first.Body.GetRawText(), (await VerifyAsync(started)).Is(200).Body.GetRawText());
        var refreshed = (await server.RefreshAsync(first.Text("refresh_token"))).Is(200);
        (await server.GetAsync("/v1/devices", refreshed.Text("access_token"))).Is(200);
        Assert.Equal(first.Body.GetRawText(), (await VerifyAsync(started)).Is(200).Body.GetRawText());
        (await server.GetAsync("/v1/devices", first.Text("access_token"))).Is(200);
    }

    [Fact]
    public async Task An_answer_whose_tokens_were_revoked_is_not_had_again()
    {
        var phone = NewPhone();
        var other = await server.SignInAsync(phone);
        var removed = await server.StartAsync(phone);
        var device = (await VerifyAsync(removed)).Is(200).Text("device_id");
        (await server.DeleteAsync($"/v1/devices/{device}", other.Access)).Is(204);
        (await VerifyAsync(removed)).IsProblem(410, "registration_burnt");
    }

    [Fact]
    public async Task Wrong_codes_count_after_the_sign_in_as_well()
    {
        var started = await server.StartAsync(NewPhone());
        (await VerifyAsync(started)).Is(200);
        for (var i = 0; i < 5; i++)
        {
            (await server.VerifyAsync(started.Text("registration_id"), WrongFor(started.Text("code"))))
                .IsProblem(410, "registration_burnt");
        }

        (await VerifyAsync(started)).IsProblem(410, "registration_burnt");
    }

    [Fact]
    public async Task A_newer_code_for_the_same_phone_ends_the_older_ones()
    {
        var phone = NewPhone();
        var (signedIn, older) = (await server.StartAsync(phone), await server.StartAsync(NewPhone()));
        (await VerifyAsync(signedIn)).Is(200);
        var waiting = await server.StartAsync(phone);

        var newest = await server.StartAsync(phone);

        (await VerifyAsync(signedIn)).IsProblem(410, "registration_burnt");
        (await VerifyAsync(waiting)).IsProblem(410, "registration_burnt");
        (await server.VerifyAsync(waiting.Text("registration_id"), WrongFor(waiting.Text("code"))))
            .IsProblem(410, "registration_burnt");
        (await VerifyAsync(newest)).Is(200);
        (await VerifyAsync(older)).Is(200);
    }

    [Fact]
    public async Task Of_codes_for_one_phone_at_the_same_time_one_is_good()
    {
        var phone = NewPhone();
        var started = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => server.StartAsync(phone)));

        var verified = new List<Answer>();
        foreach (var each in started)
            verified.Add(await VerifyAsync(each.Is(202)));

        Assert.Single(verified, answer => answer.Status == 200);
    }

    [Fact]
    public async Task A_missing_field_of_a_verification_is_named()
    {
        var path = $"/v1/registrations/{Guid.NewGuid()}/verification";

        (await server.PostAsync(path, new { device = ADevice() })).IsInvalid("code");
        (await server.PostAsync(path, new { code = "", device = ADevice() })).IsInvalid("code");
        (await server.PostAsync(path, new { code = "000000" })).IsInvalid("device");
        (await server.PostAsync(path, new { code = "000000", device = new { platform = "android" } }))
            .IsInvalid("device.name");
        (await server.PostAsync(path, new { code = "000000", device = new { name = "Ann's phone" } }))
            .IsInvalid("device.platform");
    }

    [Fact]
    public async Task A_known_phone_gets_a_further_device_of_the_same_user()
    {
        var phone = NewPhone();
        var first = await server.SignInAsync(phone, "Ann");

        var second = await server.SignInAsync(phone, "Somebody else");

        Assert.Equal(first.User, second.User);
        Assert.NotEqual(first.Device, second.Device);
        Assert.Equal("Ann", (await server.GetAsync("/v1/users/me", second.Access)).Text("name"));
        Assert.Equal([first.Device, second.Device], await DevicesAsync(first));
    }

    [Fact]
    public async Task First_registrations_of_one_phone_at_the_same_time_end_in_one_user()
    {
        var phone = NewPhone();

        var devices = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(i => SignInPatientlyAsync(phone, $"Device {i}")));

        Assert.Single(devices.Select(device => device.User).Distinct());
        Assert.Equal(devices.Select(device => device.Device).Order(), (await DevicesAsync(devices[0])).Order());
    }

    [Fact]
    public async Task A_phone_that_was_claimed_before_a_crash_is_registered_by_the_next_try()
    {
        var phone = NewPhone();
        var started = await server.StartAsync(phone, "Ann");
        var claimed = Guid.CreateVersion7();
        await using (var command = server.Database.CreateCommand(
            "INSERT INTO chat.phones (phone, user_id, claimed_at) "
            + "SELECT phone, $2, now() FROM chat.registrations WHERE id = $1"))
        {
            command.Parameters.Add(new() { Value = Guid.Parse(started.Text("registration_id")) });
            command.Parameters.Add(new() { Value = claimed });
            await command.ExecuteNonQueryAsync();
        }

        var tokens = Tokens.Of(
            (await server.VerifyAsync(started.Text("registration_id"), started.Text("code"))).Is(200));

        Assert.Equal(claimed.ToString(), tokens.User);
        Assert.Equal(phone, (await server.GetAsync("/v1/users/me", tokens.Access)).Text("phone"));
    }

    [Fact]
    public async Task With_too_many_devices_the_one_that_was_not_here_for_the_longest_makes_way()
    {
        var phone = NewPhone();
        var devices = new List<Tokens>();
        for (var i = 0; i < Domain.Users.User.DevicesMax; i++)
            devices.Add(await server.SignInAsync(phone));
        await using (var command = server.Database.CreateCommand(
            "UPDATE chat.device_sessions SET last_seen = now() - interval '1 day' WHERE device_id = $1"))
        {
            command.Parameters.Add(new() { Value = Guid.Parse(devices[7].Device) });
            await command.ExecuteNonQueryAsync();
        }

        var last = await server.SignInAsync(phone);

        var left = await DevicesAsync(last);
        Assert.Equal(Domain.Users.User.DevicesMax, left.Length);
        Assert.DoesNotContain(devices[7].Device, left);
        (await server.GetAsync("/v1/users/me", devices[7].Access)).IsProblem(401, "device_signed_out");
    }

    [Fact]
    public async Task No_table_shows_a_phone_or_a_name()
    {
        var phone = NewPhone();
        await server.StartAsync(phone, "Wilhelmina");
        var tokens = await server.SignInAsync(phone, "Wilhelmina");
        (await server.PatchAsync("/v1/users/me", new { about = "Wilhelmina" }, tokens.Access)).Is(200);

        foreach (var table in await TablesAsync())
        {
            await using var command = server.Database.CreateCommand(
                $"SELECT count(*) FROM chat.{table} t WHERE t::text LIKE ANY ($1)");
            var patterns = new[] { phone[1..], "Wilhelmina" }.SelectMany(Spellings).Select(text => $"%{text}%");
            command.Parameters.Add(new() { Value = patterns.ToArray() });
            Assert.True(await command.ExecuteScalarAsync() is 0L, $"{table} shows a phone or a name.");
        }
    }

    private Task<Answer> VerifyAsync(Answer started) =>
        server.VerifyAsync(started.Text("registration_id"), started.Text("code"));

    /// <summary>Asks for a new code until no other one ends it.</summary>
    private async Task<Tokens> SignInPatientlyAsync(string phone, string device)
    {
        while (true)
        {
            var started = (await server.StartAsync(phone)).Is(202);
            var verified = await server.VerifyAsync(started.Text("registration_id"), started.Text("code"), device);
            if (verified.Status != 410)
                return Tokens.Of(verified.Is(200));
        }
    }

    /// <summary>Lets a sign-in have been so long ago.</summary>
    private async Task CompletedAsync(Answer started, TimeSpan ago)
    {
        await using var command = server.Database.CreateCommand(
            "UPDATE chat.registrations SET completed_at = completed_at - $2 WHERE id = $1");
        command.Parameters.Add(new() { Value = Guid.Parse(started.Text("registration_id")) });
        command.Parameters.Add(new() { Value = ago });
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }

    /// <summary>The text, and its bytes as PostgreSQL prints them.</summary>
    private static string[] Spellings(string text) => [text, Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text))];

    private async Task<List<string>> TablesAsync()
    {
        await using var command = server.Database.CreateCommand(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'chat'");
        await using var rows = await command.ExecuteReaderAsync();
        var tables = new List<string>();
        while (await rows.ReadAsync())
            tables.Add(rows.GetString(0));
        Assert.Contains("registrations", tables);
        return tables;
    }

    private async Task<string[]> DevicesAsync(Tokens tokens) =>
        [
            .. (await server.GetAsync("/v1/devices", tokens.Access)).Is(200)["devices"].EnumerateArray()
                .Select(device => device.GetProperty("device_id").GetString()!),
        ];

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    private static partial Regex Timestamp();
}
