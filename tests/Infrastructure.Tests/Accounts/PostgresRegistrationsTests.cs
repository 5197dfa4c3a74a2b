using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using static ChatCqrs.Infrastructure.Tests.Accounts.Given;

namespace ChatCqrs.Infrastructure.Tests.Accounts;

public sealed class PostgresRegistrationsTests(AccountsDatabase database) : IClassFixture<AccountsDatabase>
{
    private const int AttemptsMax = 5;
    private readonly IRegistrations _registrations = database.Registrations();

    [Fact]
    public async Task The_right_code_gives_the_registration_back()
    {
        var registration = await AddedAsync();

        var found = Assert.IsType<CodeCheck.Right>(await CheckAsync(registration.Id, Right)).Registration;

        Assert.Equal(registration with { Content = found.Content }, found);
        Assert.Equal(registration.Content.Bucket, found.Content.Bucket);
        Assert.Equal(registration.Content.Bytes.ToArray(), found.Content.Bytes.ToArray());
    }

    /// <summary>Earlier versions kept the hash of the first refresh token beside the registration.</summary>
    [Fact]
    public async Task A_table_of_an_earlier_version_is_brought_up_to_date()
    {
        await using (var add = database.Source.CreateCommand(
            "ALTER TABLE chat.registrations ADD COLUMN refresh_hash bytea"))
        {
            await add.ExecuteNonQueryAsync();
        }

        await database.UpgradeAsync();

        await SignedInAsync(database);
        await using var left = database.Source.CreateCommand(
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'chat'" +
            " AND table_name = 'registrations' AND column_name = 'refresh_hash'");
        Assert.Equal(0L, await left.ExecuteScalarAsync());
    }

    [Fact]
    public async Task The_right_code_is_right_as_often_as_it_is_tried()
    {
        var registration = await AddedAsync();

        for (var i = 0; i < 3 * AttemptsMax; i++)
            Assert.IsType<CodeCheck.Right>(await CheckAsync(registration.Id, Right));
    }

    [Fact]
    public async Task The_first_right_code_decides_which_device_it_is_for()
    {
        var registration = await AddedAsync();
        Assert.IsType<CodeCheck.Wrong>(await CheckAsync(registration.Id, Wrong, device: Wrong));
        Assert.IsType<CodeCheck.Right>(await CheckAsync(registration.Id, Right));

        Assert.IsType<CodeCheck.Over>(await CheckAsync(registration.Id, Right, device: Wrong));
        Assert.IsType<CodeCheck.Right>(await CheckAsync(registration.Id, Right));
    }

    [Fact]
    public async Task After_five_wrong_codes_the_right_one_is_of_no_use()
    {
        var registration = await AddedAsync();
        for (var i = 0; i < AttemptsMax; i++)
            Assert.IsType<CodeCheck.Wrong>(await CheckAsync(registration.Id, Wrong));

        Assert.IsType<CodeCheck.Over>(await CheckAsync(registration.Id, Right));
        Assert.IsType<CodeCheck.Over>(await CheckAsync(registration.Id, Wrong));
    }

    [Fact]
    public async Task Many_who_guess_at_once_have_five_guesses_together()
    {
        var registration = await AddedAsync();

        var guesses = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => CheckAsync(registration.Id, Wrong)));

        Assert.Equal(AttemptsMax, guesses.Count(guess => guess is CodeCheck.Wrong));
        Assert.Equal(60 - AttemptsMax, guesses.Count(guess => guess is CodeCheck.Over));
    }

    [Fact]
    public async Task An_expired_registration_is_over()
    {
        var registration = await AddedAsync();

        Assert.IsType<CodeCheck.Over>(
            await _registrations.CheckCodeAsync(
                registration.Id, Right, Right, AttemptsMax, registration.ExpiresAt, default));
    }

    [Fact]
    public async Task A_registration_that_nobody_started_is_unknown() =>
        Assert.IsType<CodeCheck.Unknown>(await CheckAsync(Guid.NewGuid(), Right));

    [Fact]
    public async Task A_registration_is_used_up_once_however_many_try()
    {
        var registration = await AddedAsync();
        await _registrations.ClaimPhoneAsync(registration.Phone, registration.User, Now, default);

        var completed = await Task.WhenAll(Enumerable.Range(0, 10)
            .Select(_ => _registrations.CompleteAsync(registration.Id, SignInOf(registration), Answer, default)));

        Assert.Single(completed, done => done);
        Assert.IsType<CodeCheck.Over>(await CheckAsync(registration.Id, Right));
    }

    [Fact]
    public async Task A_sign_in_whose_answer_was_lost_can_be_repeated()
    {
        var registration = await AddedAsync();
        await _registrations.ClaimPhoneAsync(registration.Phone, registration.User, Now, default);
        var signIn = SignInOf(registration);
        Assert.True(await _registrations.CompleteAsync(registration.Id, signIn, Answer, default));

        Assert.True(await _registrations.CompleteAsync(registration.Id, signIn, Answer, default));
        Assert.False(await _registrations.CompleteAsync(registration.Id, SignInOf(registration), Answer, default));
    }

    [Fact]
    public async Task When_it_is_used_up_the_answer_takes_the_place_of_what_a_registration_said()
    {
        var registration = await AddedAsync();
        await _registrations.ClaimPhoneAsync(registration.Phone, registration.User, Now, default);
        await _registrations.CompleteAsync(registration.Id, SignInOf(registration), Answer, default);

        await using var command = database.Source.CreateCommand(
            "SELECT content FROM chat.registrations WHERE id = $1");
        command.Parameters.Add(new() { Value = registration.Id });
        Assert.Equal(Answer.Bytes.ToArray(), await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task Of_many_who_claim_a_phone_at_once_one_gets_it_and_all_are_told_who()
    {
        var phone = NewPhone();

        var owners = await Task.WhenAll(Enumerable.Range(0, 30)
            .Select(_ => _registrations.ClaimPhoneAsync(phone, new UserId(Guid.CreateVersion7()), Now, default)));

        Assert.Single(owners.Distinct());
    }

    [Fact]
    public async Task A_phone_that_is_let_go_is_free_and_its_registrations_are_none_any_more()
    {
        var registration = await AddedAsync();
        await _registrations.ClaimPhoneAsync(registration.Phone, registration.User, Now, default);
        await _registrations.CompleteAsync(registration.Id, SignInOf(registration), Answer, default);
        var waiting = NewRegistration(registration.Phone);
        await _registrations.AddAsync(waiting, From(Here), CodeLimits.None, default);
        var other = await AddedAsync();

        await _registrations.ForgetAsync(registration.User, default);
        await _registrations.ForgetAsync(registration.User, default);

        Assert.Null(await _registrations.FindPhoneAsync(registration.Phone, default));
        Assert.IsType<CodeCheck.Unknown>(await CheckAsync(waiting.Id, Right));
        await using var addresses = database.Source.CreateCommand(
            "SELECT count(*) FROM chat.device_sessions WHERE user_id = $1 AND address IS NOT NULL");
        addresses.Parameters.Add(new() { Value = registration.User.Value });
        Assert.Equal(0L, await addresses.ExecuteScalarAsync());
        Assert.IsType<CodeCheck.Right>(await CheckAsync(other.Id, Right));
        var next = new UserId(Guid.CreateVersion7());
        Assert.Equal(next, await _registrations.ClaimPhoneAsync(registration.Phone, next, Now, default));
    }

    [Fact]
    public async Task A_sign_in_and_the_letting_go_of_its_phone_at_the_same_instant_leave_nobody_signed_in()
    {
        for (var round = 0; round < 20; round++)
        {
            var registration = await AddedAsync();
            await _registrations.ClaimPhoneAsync(registration.Phone, registration.User, Now, default);
            var signIn = SignInOf(registration);
            var sessions = database.Sessions();

            await Task.WhenAll(
                Task.Run(() => _registrations.CompleteAsync(registration.Id, signIn, Answer, default)),
                Task.Run(async () =>
                {
                    await _registrations.ForgetAsync(registration.User, default);
                    await sessions.RevokeAllAsync(registration.User, default);
                }));

            Assert.False(await sessions.IsActiveAsync(signIn.User, signIn.Device, default));
        }
    }

    [Fact]
    public async Task A_phone_is_found_once_its_user_is_in_the_log()
    {
        var registration = await AddedAsync();
        await _registrations.ClaimPhoneAsync(registration.Phone, registration.User, Now, default);
        Assert.Null(await _registrations.FindPhoneAsync(registration.Phone, default));

        await _registrations.CompleteAsync(registration.Id, SignInOf(registration), Answer, default);

        Assert.Equal(registration.User, await _registrations.FindPhoneAsync(registration.Phone, default));
        Assert.Null(await _registrations.FindPhoneAsync(NewPhone(), default));
    }

    [Fact]
    public async Task Registrations_that_are_long_over_are_forgotten()
    {
        var old = await AddedAsync(Now.AddDays(-100));
        Assert.IsType<CodeCheck.Over>(await CheckAsync(old.Id, Right));

        await AddedAsync(Now.AddDays(-97));

        Assert.IsType<CodeCheck.Unknown>(await CheckAsync(old.Id, Right));
    }

    private async Task<Registration> AddedAsync(DateTimeOffset? at = null)
    {
        var registration = NewRegistration(createdAt: at);
        Assert.Null(await _registrations.AddAsync(registration, From(Here), CodeLimits.None, default));
        return registration;
    }

    private Task<CodeCheck> CheckAsync(
        Guid id, Domain.Messages.Fingerprint code, Domain.Messages.Fingerprint? device = null) =>
        _registrations.CheckCodeAsync(id, code, device ?? Right, AttemptsMax, Now.AddMinutes(1), default);

    private static SignIn SignInOf(Registration registration) =>
        new(registration.User, registration.Device, NewHash(), Now, Now.AddDays(90), Here);
}
