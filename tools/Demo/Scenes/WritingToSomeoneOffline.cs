namespace ChatCqrs.Demo.Scenes;

/// <summary>Ada sends to Ben's phone number while he is offline.</summary>
public sealed class WritingToSomeoneOffline : IScene
{
    public string Title => "Ada writes to Ben, who is offline";

    public async Task PlayAsync(Stage stage)
    {
        var ada = stage.Ada;
        await ada.ComeOnlineAsync();
        stage.Narrator.Does(ada.Name, "is online");
        foreach (var text in new[] { "Good morning, Ben!", "Are you up?" })
        {
            stage.Narrator.Says(ada.Name, text, $"to {stage.Ben.Phone}");
            var written = await ada.SayAsync(stage.Ben.Phone, text);
            stage.Written.Add(written);
            stage.Narrator.Sent(ada.Name, $"seq {written.Seq}, durable since {written.SentAt}");
        }

        stage.Conversation = stage.Written[0].Conversation;
        foreach (var written in stage.Written)
            await stage.ExpectStatusAsync(ada, written, "sent");
        stage.Narrator.Saw(ada.Name, "sees one tick: the server has it, Ben does not");
    }
}
