using ChatCqrs.Client;

namespace ChatCqrs.Demo.Scenes;

/// <summary>Somebody uses the C# SDK, which keeps the promises of the contract up to its caller.</summary>
public sealed class WithTheSdk : IScene
{
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(15);

    public string Title => "A program with the C# SDK joins in";

    public async Task PlayAsync(Stage stage)
    {
        var ada = stage.Ada;
        await using var client = new ChatClient(stage.Address);
        var started = await client.RegisterAsync(Client.Person.NewPhone(), "Dan");
        await client.VerifyAsync(started.Code ?? throw new NotSeenException("the code of Dan's registration."));
        var talk = (await client.Inbox.StartDirectAsync(ada.Id)).ConversationId;
        stage.Narrator.Does("Dan", "is registered, and not connected");

        const string Text = "Written by a program.";
        stage.Narrator.Says("Dan", Text, "into his outbox");
        var message = await client.Conversation(talk).SendAsync(Text);
        if (message.Status != OutgoingStatus.Queued)
            throw new NotSeenException($"a message that waits in the outbox, but {message.Status}.");
        var events = client.EventsAsync(stage.Interrupted).GetAsyncEnumerator(stage.Interrupted);
        var next = NextAsync<MessageReceived>(events, received => received.Message.SenderId == ada.Id);
        await client.ConnectAsync(stage.Interrupted);
        var acknowledged = await SeenAsync(message.Acked, "the acknowledgement at Dan's program");
        stage.Narrator.Sent("Dan", $"seq {acknowledged.Seq}, as soon as he is connected");

        await ada.GetMessageAsync(new Written(message.Id, talk, acknowledged.Seq, "", Text));
        stage.Narrator.Gets(ada.Name, Text, $"seq {acknowledged.Seq}, under the id it was written with");
        var answer = await ada.SayAsync(client.Account!.UserId, "Hello program.");
        var got = await SeenAsync(next, "Ada's answer at Dan's program");
        if ((got.Message.MessageId, got.Message.Text) != (answer.MessageId, answer.Text))
            throw new NotSeenException($"Ada's answer at Dan's program, but {got.Message.Text}.");
        stage.Narrator.Gets("Dan", answer.Text, $"seq {got.Seq}");
        await client.Conversation(talk).MarkReadAsync(got.Seq);
        await ada.ReceiptAsync(client.Account.UserId, "Dan", talk, "read_seq", got.Seq);
        stage.Narrator.Read(ada.Name, "by Dan");
        await events.DisposeAsync();
    }

    private static async Task<T> NextAsync<T>(IAsyncEnumerator<ChatEvent> events, Func<T, bool> fits)
    {
        while (await events.MoveNextAsync())
        {
            if (events.Current is T found && fits(found))
                return found;
        }

        throw new NotSeenException("an event that was awaited.");
    }

    private static async Task<T> SeenAsync<T>(Task<T> promise, string what)
    {
        try
        {
            return await promise.WaitAsync(Most);
        }
        catch (TimeoutException)
        {
            throw new NotSeenException($"{what}, within {Most.TotalSeconds:0} s.");
        }
    }
}
